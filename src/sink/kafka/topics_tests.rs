use super::*;

fn read(pairs: &[(&str, &str)]) -> Result<Option<Creation>, String> {
    let connector = pairs.iter().map(|(key, value)| (format!("topic.creation.{key}"), (*value).to_owned())).collect();
    let mut problems = Vec::new();
    let creation = Creation::read(&Properties::new(), &connector, &mut problems);
    if problems.is_empty() { Ok(creation) } else { Err(crate::config::Problems(problems).to_string()) }
}

const DEFAULT: [(&str, &str); 2] = [("default.replication.factor", "3"), ("default.partitions", "-1")];

#[test]
fn without_settings_or_when_switched_off_topics_are_not_created() {
    assert!(read(&[]).unwrap().is_none());
    let connector: Properties =
        DEFAULT.iter().map(|(key, value)| (format!("topic.creation.{key}"), (*value).to_owned())).collect();
    let worker = Properties::from([("topic.creation.enable".to_owned(), "false".to_owned())]);
    assert!(Creation::read(&worker, &connector, &mut Vec::new()).is_none());
    assert!(Creation::read(&Properties::new(), &connector, &mut Vec::new()).is_some());
}

#[test]
fn the_first_group_that_matches_the_whole_name_wins() {
    let creation = read(
        &[
            &DEFAULT,
            [
                ("groups", "compacted, small"),
                ("compacted.include", "cdc\\.shop\\.(orders|users), cdc\\.x.*"),
                ("compacted.exclude", ".*secret"),
                ("compacted.cleanup.policy", "compact"),
                ("small.include", "cdc.*"),
                ("small.partitions", "2"),
                ("default.retention.ms", "1000"),
            ]
            .as_slice(),
        ]
        .concat(),
    )
    .unwrap()
    .unwrap();
    let group = |topic: &str| creation.group(topic).unwrap();
    let orders = group("cdc.shop.orders");
    assert_eq!((orders.name.as_str(), orders.partitions, orders.replication_factor), ("compacted", -1, 3));
    assert_eq!(orders.settings, [("cleanup.policy".to_owned(), "compact".to_owned())]);
    assert_eq!(group("cdc.xsecret").name, "small");
    assert_eq!(group("cdc.shop.orders2").partitions, 2);
    assert_eq!(group("other").settings, [("retention.ms".to_owned(), "1000".to_owned())]);
}

#[test]
fn every_problem_is_found() {
    let problems =
        read(&[("groups", "a,b"), ("a.include", "("), ("a.partitions", "none"), ("default.partitions", "0")])
            .unwrap_err();
    for part in [
        "topic.creation.default.replication.factor: is required",
        "topic.creation.default.partitions=\"0\"",
        "topic.creation.a.partitions=\"none\"",
        "topic.creation.a.include=\"(\": is no regular expression",
        "topic.creation.b.include: is required",
    ] {
        assert_eq!(problems.matches(part).count(), 1, "{part:?} in\n{problems}");
    }
}
