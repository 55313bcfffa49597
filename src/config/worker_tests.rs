use super::*;

fn load(files: &[PathBuf], environment: &[(&str, &str)], assignments: &[(&str, &str)]) -> Result<Worker, String> {
    let owned = |pairs: &[(&str, &str)]| -> Vec<(String, String)> {
        pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    };
    Worker::load(files, owned(environment), &owned(assignments))
        .map_err(|problems| problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))
}

fn file(folder: &tempfile::TempDir, name: &str, text: &str) -> PathBuf {
    let path = folder.path().join(name);
    std::fs::write(&path, text).unwrap();
    path
}

#[test]
fn defaults_need_nothing() {
    let worker = load(&[], &[], &[]).unwrap();
    assert_eq!(worker.sink, SinkKind::Stdout);
    assert_eq!(worker.listeners, [Listener { host: "127.0.0.1".to_owned(), port: 8083, is_https: false }]);
    assert_eq!((worker.log_format, worker.state_path.as_str()), (LogFormat::Human, "rowtide.db"));
    assert!(worker.warnings.is_empty());
}

#[test]
fn every_format_says_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let files = [
        file(&folder, "a.toml", "rest.port = 1\n[producer]\n\"linger.ms\" = 5\nacks = [\"a\", \"b\"]\n"),
        file(&folder, "a.yaml", "rest.port: 1\nproducer:\n  linger.ms: 5\n  acks: [a, b]\n"),
        file(&folder, "a.json", r#"{"rest.port": 1, "producer": {"linger.ms": 5, "acks": ["a", "b"]}}"#),
        file(&folder, "a.properties", "rest.port=1\nproducer.linger.ms: 5\nproducer.acks = a,b\n"),
    ];
    for path in files {
        let worker = load(std::slice::from_ref(&path), &[], &[]).unwrap();
        assert_eq!(worker.listeners[0].port, 1, "{}", path.display());
        assert_eq!(worker.properties["producer.linger.ms"], "5", "{}", path.display());
        assert_eq!(worker.properties["producer.acks"], "a,b", "{}", path.display());
    }
}

#[test]
fn later_layers_win() {
    let folder = tempfile::tempdir().unwrap();
    let first = file(&folder, "1.properties", "a=1\nproducer.b=1\nproducer.c=1\nproducer.d=1\nproducer.e=1\n");
    let second = file(&folder, "2.toml", "producer.c = 2\nproducer.d = 2\nproducer.e = 2\n");
    let environment =
        [("CONNECT_PRODUCER_D", "3"), ("CONNECT_PRODUCER_E", "3"), ("ROWTIDE_PRODUCER_E", "4"), ("HOME", "/")];
    let worker = load(&[first, second], &environment, &[("producer.f", "5")]).unwrap();
    let values = ["b", "c", "d", "e", "f"].map(|key| worker.properties[&format!("producer.{key}")].as_str());
    assert_eq!(values, ["1", "2", "3", "4", "5"]);
    assert_eq!(worker.warnings.len(), 1);
    assert!(worker.warnings[0].to_string().starts_with("a: not known"), "{:?}", worker.warnings);
}

#[test]
fn a_converter_and_its_settings_are_keys_both() {
    let folder = tempfile::tempdir().unwrap();
    let path = file(&folder, "w.toml", "\"value.converter\" = \"x.Y\"\n[value.converter.schemas]\nenable = false\n");
    let worker = load(&[path], &[], &[]).unwrap();
    assert_eq!(worker.properties["value.converter"], "x.Y");
    assert_eq!(worker.properties["value.converter.schemas.enable"], "false");
}

#[test]
fn names_of_the_environment() {
    let [connect, ours] = environment_layers([("ROWTIDE_A__B_C___D".to_owned(), "x".to_owned())]);
    assert!(connect.properties.is_empty());
    assert_eq!(ours.properties["a_b.c-d"], "x");
}

#[test]
fn where_the_state_is() {
    let state = |pairs: &[(&str, &str)]| load(&[], &[], pairs).unwrap().state_path;
    assert_eq!(state(&[("offset.storage.file.filename", "/c")]), "/c");
    assert_eq!(state(&[("offset.storage.file.filename", "/c"), ("state.path", "/s")]), "/s");
}

#[test]
fn the_sink() {
    let sink = |pairs: &[(&str, &str)]| load(&[], &[], pairs).map(|worker| worker.sink);
    assert_eq!(sink(&[("bootstrap.servers", "k:9092")]), Ok(SinkKind::Kafka("k:9092".to_owned())));
    assert_eq!(sink(&[("bootstrap.servers", "k:9092"), ("sink", "stdout")]), Ok(SinkKind::Stdout));
    assert_eq!(sink(&[("sink", "file"), ("sink.path", "/x")]), Ok(SinkKind::File("/x".into())));
    assert!(sink(&[("sink", "file")]).unwrap_err().contains("sink.path: is required"));
    assert!(sink(&[("sink", "kafka")]).unwrap_err().contains("bootstrap.servers: is required"));
    assert!(sink(&[("sink", "stdot")]).unwrap_err().contains("did you mean \"stdout\""));
}

#[test]
fn where_rest_listens() {
    let folder = tempfile::tempdir().unwrap();
    let worker_file = file(&folder, "w.properties", "listeners=HTTP://:8084,https://[::1]:8085/\n");
    let listen = |files: &[PathBuf], pairs: &[(&str, &str)]| {
        load(files, &[], pairs).map(|worker| {
            worker.listeners.iter().map(|listener| format!("{} {}", listener.host, listener.port)).collect::<Vec<_>>()
        })
    };
    assert_eq!(listen(std::slice::from_ref(&worker_file), &[]).unwrap(), ["0.0.0.0 8084", "::1 8085"]);
    assert_eq!(listen(&[worker_file], &[("rest.port", "9")]).unwrap(), ["127.0.0.1 9"]);
    assert!(listen(&[], &[("rest.port", "0")]).unwrap().is_empty());
    assert!(listen(&[], &[("listeners", "ftp://:1")]).unwrap_err().contains("must be http://host:port"));
}

#[test]
fn problems_come_all_at_once_and_name_their_place() {
    let folder = tempfile::tempdir().unwrap();
    let path =
        file(&folder, "w.properties", "rest.port=many\nlog.format=xml\nproducer.sasl.password=${env:NOT_SET_HERE}\n");
    let problems = load(&[path], &[], &[]).unwrap_err();
    assert_eq!(problems.lines().count(), 3, "{problems}");
    assert!(problems.contains("rest.port=\"many\": must be a whole number in range (from /"), "{problems}");
    assert!(problems.contains("producer.sasl.password: cannot resolve"), "{problems}");
    let broken = file(&folder, "b.toml", "a = = b\n");
    let missing = folder.path().join("none.toml");
    let other = file(&folder, "c.conf", "a=b\n");
    let problems = load(&[broken, missing, other], &[], &[]).unwrap_err();
    assert_eq!(problems.lines().count(), 3, "{problems}");
    assert!(problems.contains("b.toml: ") && problems.contains("line 1"), "{problems}");
    assert!(problems.contains("none.toml: cannot be read"), "{problems}");
    assert!(problems.contains("c.conf: is no .toml"), "{problems}");
}
