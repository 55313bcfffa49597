//! Sets of global transaction ids, as MySQL writes them: `UUID[:TAG]:FROM[-TO][:FROM[-TO]]…[,UUID:…]`.
//!
//! Owns parsing, writing and set arithmetic; knows no server and no JSON. Invariant: the intervals of an origin are
//! sorted, disjoint and not adjacent, so two equal sets have one text.
//! Theory: <https://dev.mysql.com/doc/refman/8.4/en/replication-gtids-concepts.html>.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use uuid::Uuid;

/// Where a transaction came from: a server, and since MySQL 8.3 perhaps a tag.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Origin {
    /// The server's UUID.
    pub(super) uuid: Uuid,
    /// The tag, in lower case; empty: none.
    pub(super) tag: String,
}

/// One transaction's id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Gtid {
    /// Where it came from.
    pub(super) origin: Origin,
    /// Its number there, from 1.
    pub(super) number: u64,
}

impl fmt::Display for Gtid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:", self.origin.uuid)?;
        if !self.origin.tag.is_empty() {
            write!(f, "{}:", self.origin.tag)?;
        }
        write!(f, "{}", self.number)
    }
}

/// Numbers from the first to the last, both included.
pub(super) type Interval = (u64, u64);

/// A set of transaction ids.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct GtidSet(BTreeMap<Origin, Vec<Interval>>);

/// Text that is no GTID set.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{part:?} is no part of a GTID set")]
pub(super) struct BadGtidSet {
    /// What could not be read.
    pub(super) part: String,
}

impl GtidSet {
    /// Whether it holds no id.
    #[must_use]
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The set in parts of one origin each, as text.
    pub(super) fn parts(&self) -> impl Iterator<Item = String> {
        self.0.iter().map(|(origin, intervals)| Self([(origin.clone(), intervals.clone())].into()).to_string())
    }

    /// Adds one id.
    pub(super) fn add(&mut self, gtid: &Gtid) {
        // The common case costs no allocation: the next number of a known origin.
        if let Some((_, last)) = self.0.get_mut(&gtid.origin).and_then(|intervals| intervals.last_mut())
            && *last < u64::MAX
            && gtid.number == *last + 1
        {
            *last = gtid.number;
            return;
        }
        self.add_interval(&gtid.origin, (gtid.number, gtid.number));
    }

    /// Adds an interval of ids.
    pub(super) fn add_interval(&mut self, origin: &Origin, interval: Interval) {
        let intervals = self.0.entry(origin.clone()).or_default();
        intervals.push(interval);
        intervals.sort_unstable();
        let mut merged: Vec<Interval> = Vec::with_capacity(intervals.len());
        for &(first, last) in intervals.iter() {
            match merged.last_mut() {
                Some((_, end)) if first <= end.saturating_add(1) => *end = last.max(*end),
                _ => merged.push((first, last)),
            }
        }
        *intervals = merged;
    }

    /// Whether it holds that id.
    #[must_use]
    pub(super) fn contains(&self, gtid: &Gtid) -> bool {
        let intervals = self.0.get(&gtid.origin).map_or(&[][..], Vec::as_slice);
        intervals.iter().any(|(first, last)| (*first..=*last).contains(&gtid.number))
    }

    /// Whether it holds every id of the other.
    #[must_use]
    pub(super) fn contains_all(&self, other: &Self) -> bool {
        other.minus(self).is_empty()
    }

    /// The ids of this set that the other lacks.
    #[must_use]
    pub(super) fn minus(&self, other: &Self) -> Self {
        let mut left = BTreeMap::new();
        for (origin, intervals) in &self.0 {
            let holes = other.0.get(origin).map_or(&[][..], Vec::as_slice);
            let rest: Vec<Interval> = intervals.iter().flat_map(|interval| cut(*interval, holes)).collect();
            if !rest.is_empty() {
                left.insert(origin.clone(), rest);
            }
        }
        Self(left)
    }

    /// The ids of both sets.
    #[must_use]
    pub(super) fn plus(&self, other: &Self) -> Self {
        let mut sum = self.clone();
        for (origin, intervals) in &other.0 {
            for interval in intervals {
                sum.add_interval(origin, *interval);
            }
        }
        sum
    }

    /// The ids whose origin `keep` says.
    #[must_use]
    pub(super) fn filtered(&self, keep: impl Fn(&Origin) -> bool) -> Self {
        Self(self.0.iter().filter(|(origin, _)| keep(origin)).map(|(o, i)| (o.clone(), i.clone())).collect())
    }
}

/// What is left of an interval without the holes, which are sorted and disjoint.
fn cut((first, last): Interval, holes: &[Interval]) -> Vec<Interval> {
    let mut left = Vec::new();
    let mut from = first;
    for &(hole_first, hole_last) in holes {
        if hole_last < from || hole_first > last {
            continue;
        }
        if hole_first > from {
            left.push((from, hole_first - 1));
        }
        match hole_last.checked_add(1) {
            Some(next) => from = next,
            None => return left,
        }
    }
    if from <= last {
        left.push((from, last));
    }
    left
}

impl fmt::Display for GtidSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut before: Option<&Uuid> = None;
        for (origin, intervals) in &self.0 {
            if before != Some(&origin.uuid) {
                f.write_str(if before.is_some() { "," } else { "" })?;
                write!(f, "{}", origin.uuid)?;
                before = Some(&origin.uuid);
            }
            if !origin.tag.is_empty() {
                write!(f, ":{}", origin.tag)?;
            }
            for (first, last) in intervals {
                if first == last {
                    write!(f, ":{first}")?;
                } else {
                    write!(f, ":{first}-{last}")?;
                }
            }
        }
        Ok(())
    }
}

impl FromStr for GtidSet {
    type Err = BadGtidSet;

    fn from_str(text: &str) -> Result<Self, BadGtidSet> {
        let mut set = Self::default();
        for part in text.split(',').map(str::trim).filter(|part| !part.is_empty()) {
            let bad = |part: &str| BadGtidSet { part: part.to_owned() };
            let mut pieces = part.split(':').map(str::trim);
            let uuid = pieces.next().and_then(|uuid| Uuid::try_parse(uuid).ok()).ok_or_else(|| bad(part))?;
            let mut origin = Origin { uuid, tag: String::new() };
            for piece in pieces {
                if piece.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') {
                    origin.tag = piece.to_ascii_lowercase();
                    continue;
                }
                let (first, last) = piece.split_once('-').unwrap_or((piece, piece));
                match (first.trim().parse(), last.trim().parse()) {
                    (Ok(first), Ok(last)) if 0 < first && first <= last => set.add_interval(&origin, (first, last)),
                    _ => return Err(bad(piece)),
                }
            }
        }
        Ok(set)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: &str = "5336f431-e587-11f1-9630-02fc00000001";
    const B: &str = "6336f431-e587-11f1-9630-02fc00000002";

    fn set(text: &str) -> GtidSet {
        text.parse().unwrap()
    }

    #[test]
    fn text_is_canonical() {
        for (text, canonical) in [
            (format!("{A}:1-3:5"), format!("{A}:1-3:5")),
            (format!("{B}:7,\n{A}:3-4:1-2:5-5"), format!("{A}:1-5,{B}:7")),
            (format!("{A}:1-3:tagx:5-6:7:other:1"), format!("{A}:1-3:other:1:tagx:5-7")),
            (format!("{A}:TagX:1"), format!("{A}:tagx:1")),
            (String::new(), String::new()),
        ] {
            assert_eq!(set(&text).to_string(), canonical);
            assert_eq!(set(&canonical), set(&text));
        }
        for bad in ["x:1", &format!("{A}:0"), &format!("{A}:5-3"), &format!("{A}:1-x")] {
            assert!(bad.parse::<GtidSet>().is_err(), "{bad}");
        }
    }

    #[test]
    fn arithmetic() {
        let all = set(&format!("{A}:1-10:tag:1-2,{B}:1"));
        let some = set(&format!("{A}:3-4:7,{B}:1"));
        assert_eq!(all.minus(&some).to_string(), format!("{A}:1-2:5-6:8-10:tag:1-2"));
        assert_eq!(all.minus(&some).plus(&some), all);
        assert!(all.contains_all(&some) && !some.contains_all(&all));
        let gtid = Gtid { origin: Origin { uuid: A.parse().unwrap(), tag: "tag".into() }, number: 3 };
        assert_eq!(gtid.to_string(), format!("{A}:tag:3"));
        let mut more = all.clone();
        more.add(&gtid);
        assert!(more.contains(&gtid) && !all.contains(&gtid));
        assert_eq!(more.minus(&all).to_string(), gtid.to_string());
        assert!(all.filtered(|origin| origin.tag.is_empty()).to_string().starts_with(&format!("{A}:1-10,")));
    }
}
