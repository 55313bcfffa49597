use super::*;

fn properties(pairs: &[(&str, &str)]) -> Properties {
    pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

fn resolve(value: &str) -> Result<String, String> {
    Providers::default().resolve(value)
}

fn read(pairs: &[(&str, &str)]) -> Result<Providers, String> {
    Providers::read(&properties(pairs)).map_err(|problems| problems.iter().map(ToString::to_string).collect())
}

#[test]
fn resolves_files_directories_and_the_environment() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().display();
    std::fs::write(folder.path().join("db.properties"), "user=dbz\npassword=s3cret\n").unwrap();
    std::fs::write(folder.path().join("token"), "t0ken\n").unwrap();
    assert_eq!(resolve(&format!("${{file:{path}/db.properties:password}}")).unwrap(), "s3cret");
    assert_eq!(
        resolve(&format!("a-${{dir:{path}:token}}-${{file:{path}/db.properties:user}}")).unwrap(),
        "a-t0ken-dbz"
    );
    assert_eq!(resolve("${env:PATH}").unwrap(), std::env::var("PATH").unwrap());
    assert_eq!(resolve("${env::PATH}").unwrap(), std::env::var("PATH").unwrap());
    assert_eq!(resolve("outbox.${routedByValue} ${").unwrap(), "outbox.${routedByValue} ${");
}

#[test]
fn tells_what_is_missing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().display();
    std::fs::write(folder.path().join("db.properties"), "password=s3cret\n").unwrap();
    let missing = resolve(&format!("${{file:{path}/db.properties:pasword}}")).unwrap_err();
    assert!(missing.contains("has no key pasword") && !missing.contains("s3cret"), "{missing}");
    assert!(resolve("${env:ROWTIDE_NOT_SET_ANYWHERE}").unwrap_err().contains("is not set"));
    assert!(resolve("${vault:a:b}").unwrap_err().contains("there are dir, env, file"));
    assert!(resolve("${file:a}").unwrap_err().contains("${file:PATH:KEY}"));
    assert!(resolve(&format!("${{dir:{path}:../x}}")).unwrap_err().contains("not the name of a file"));
}

#[test]
fn named_providers_keep_to_their_paths_and_names() {
    let folder = tempfile::tempdir().unwrap();
    let (inside, outside) = (folder.path().join("in"), folder.path().join("out"));
    for path in [&inside, &outside] {
        std::fs::create_dir(path).unwrap();
        std::fs::write(path.join("token"), "t0ken").unwrap();
        std::fs::write(path.join("db.properties"), "password=s3cret").unwrap();
    }
    std::os::unix::fs::symlink(outside.join("token"), inside.join("link")).unwrap();
    // As Kubernetes mounts secrets.
    std::os::unix::fs::symlink("token", inside.join("near")).unwrap();
    let (inside, outside) = (inside.display().to_string(), outside.display().to_string());
    let class = |name: &str| format!("org.apache.kafka.common.config.provider.{name}");
    let providers = read(&[
        ("config.providers", "files, vault ,shell"),
        ("config.providers.files.class", &class("FileConfigProvider")),
        ("config.providers.files.param.allowed.paths", &format!("/proc,{inside}")),
        ("config.providers.vault.class", &class("DirectoryConfigProvider")),
        ("config.providers.vault.param.allowed.paths", &inside),
        ("config.providers.shell.class", &class("EnvVarConfigProvider")),
        ("config.providers.shell.param.allowlist.pattern", "PA|PATH"),
    ])
    .unwrap();
    let resolved = |value: &str| providers.resolve(value);
    assert_eq!(resolved(&format!("${{files:{inside}/db.properties:password}}")).unwrap(), "s3cret");
    assert_eq!(resolved(&format!("${{vault:{inside}:token}}")).unwrap(), "t0ken");
    assert_eq!(resolved(&format!("${{vault:{inside}:near}}")).unwrap(), "t0ken");
    assert_eq!(resolved("${shell:PATH}").unwrap(), std::env::var("PATH").unwrap());
    for (value, key) in [
        (format!("${{files:{outside}/db.properties:password}}"), "config.providers.files.param.allowed.paths"),
        (format!("${{files:{inside}/../out/db.properties:password}}"), "config.providers.files.param.allowed.paths"),
        (format!("${{files:{inside}x/db.properties:password}}"), "config.providers.files.param.allowed.paths"),
        (format!("${{vault:{outside}:token}}"), "config.providers.vault.param.allowed.paths"),
        (format!("${{vault:{inside}:link}}"), "config.providers.vault.param.allowed.paths"),
        ("${shell:HOME}".to_owned(), "config.providers.shell.param.allowlist.pattern"),
        ("${shell:PATHS}".to_owned(), "config.providers.shell.param.allowlist.pattern"),
        ("${env:PATH}".to_owned(), "there are files, shell, vault"),
    ] {
        let refused = resolved(&value).unwrap_err();
        assert!(refused.contains(key), "{value}: {refused}");
    }
}

#[test]
fn wrong_providers_are_told_by_their_key() {
    let file = ("config.providers.a.class", "x.FileConfigProvider");
    for (pairs, words) in [
        (vec![], "config.providers.a.class: is required"),
        (
            vec![("config.providers.a.class", "x.VaultConfigProvider")],
            "config.providers.a.class=\"x.VaultConfigProvider\"",
        ),
        (vec![file, ("config.providers.a.param.allowed.paths", "here")], "a.param.allowed.paths=\"here\""),
        (vec![file, ("config.providers.a.param.allowed.paths", "/not/there")], "must be an absolute path that exists"),
        (vec![file, ("config.providers.a.param.allowlist.pattern", "(")], "is no regular expression"),
    ] {
        let problems = read(&[&pairs[..], &[("config.providers", "a")]].concat()).unwrap_err();
        assert!(problems.contains(words), "{problems}");
    }
}
