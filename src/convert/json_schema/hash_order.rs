//! The order in which Java's `HashMap` hands out its keys.
//!
//! Confluent's converter keeps properties, parameters and symbols in hash maps, so their order is part of the text that it
//! registers, and a registry that is not told to normalise finds a schema by its text. Only with the same order is a schema
//! found that was registered before. (Java makes trees of crowded buckets; that this may change their order is left aside.)

/// The capacity of a map that is made without one.
const CAPACITY: usize = 16;

/// In the order of a map into which they were put one after the other. `None` is the null key.
pub(super) fn of_map<T>(items: &mut [T], key: impl Fn(&T) -> Option<&str>) {
    sort(items, CAPACITY, key);
}

/// In the order of a map that was made for as many entries; so `org.json.JSONObject` copies a map.
pub(super) fn of_copy<T>(items: &mut [T], key: impl Fn(&T) -> Option<&str>) {
    sort(items, items.len().next_power_of_two(), key);
}

/// The sort is stable: a bucket keeps the order of insertion, also when the map grows.
fn sort<T>(items: &mut [T], mut capacity: usize, key: impl Fn(&T) -> Option<&str>) {
    while items.len() * 4 > capacity * 3 {
        capacity *= 2;
    }
    items.sort_by_key(|item| key(item).map_or(0, spread_hash) as usize & (capacity - 1));
}

/// `String.hashCode`, its upper half mixed into the lower as `HashMap.hash` does.
fn spread_hash(text: &str) -> u32 {
    let hash = text.encode_utf16().fold(0_u32, |hash, unit| hash.wrapping_mul(31).wrapping_add(u32::from(unit)));
    hash ^ (hash >> 16)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As jshell prints the key set of a map into which `column_0`, `column_1`, … were put.
    #[test]
    fn a_map_grows_and_keeps_the_order_of_its_buckets() {
        for (count, order) in [
            (13, "9 0 8 7 6 5 4 10 3 11 2 12 1"),
            (25, "9 0 20 8 7 6 5 4 21 3 22 2 23 1 24 18 19 14 15 16 17 10 11 12 13"),
        ] {
            let mut names: Vec<String> = (0..count).map(|number| format!("column_{number}")).collect();
            of_map(&mut names, |name| Some(name));
            let numbers: Vec<&str> = names.iter().filter_map(|name| name.strip_prefix("column_")).collect();
            assert_eq!(numbers.join(" "), order);
        }
    }

    /// As jshell prints them: of a map, and of its copy with a capacity of its size.
    #[test]
    fn null_text_beyond_ascii_and_equal_hashes_have_their_places() {
        let mut symbols = [Some("small"), Some("<x>"), None, Some("large"), Some("medium"), Some("Zoë")];
        of_map(&mut symbols, |symbol| *symbol);
        assert_eq!(symbols, [Some("small"), None, Some("<x>"), Some("large"), Some("Zoë"), Some("medium")]);
        let mut names = ["length", "größe", "😀", "x", "y", "z", "q", "Aa", "BB"];
        of_map(&mut names, |name| Some(name));
        assert_eq!(names, ["Aa", "BB", "q", "größe", "length", "😀", "x", "y", "z"]);
        let mut names = ["p.0", "p.7", "p.14", "p.21", "p.28"].map(|name| name.replace('p', "par"));
        of_map(&mut names, |name| Some(name));
        assert_eq!(names, ["par.7", "par.21", "par.28", "par.14", "par.0"]);
        of_copy(&mut names, |name| Some(name));
        assert_eq!(names, ["par.28", "par.7", "par.14", "par.0", "par.21"]);
    }
}
