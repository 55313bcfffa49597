use axum::Router;
use axum::body::Body;
use axum::middleware::from_fn_with_state;
use tower::ServiceExt;

use super::*;

/// `htpasswd -nbB -C 4 ops sésame`, and argon2's own hash, cheap ones.
fn bcrypt_hash() -> String {
    bcrypt::hash("sésame", 4).unwrap()
}

const ARGON2: &str = "$argon2id$v=19$m=16,t=2,p=1$c29tZXNhbHQ$";

fn argon2_hash() -> String {
    use argon2::{Algorithm, Argon2, Params, PasswordHasher, Version};
    let cheap = Argon2::new(Algorithm::Argon2id, Version::V0x13, Params::new(16, 2, 1, None).unwrap());
    let hash = cheap.hash_password_with_salt(b"open", b"somesalt").unwrap().to_string();
    assert!(hash.starts_with(ARGON2), "{hash}");
    hash
}

fn file(folder: &tempfile::TempDir, name: &str, text: &str) -> String {
    let path = folder.path().join(name);
    std::fs::write(&path, text).unwrap();
    path.display().to_string()
}

fn access(settings: &[(&str, &str)]) -> (Arc<Access>, Vec<String>) {
    let settings: Vec<_> = settings.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
    let worker = Worker::load(&[], [], &settings).unwrap();
    let mut problems = Vec::new();
    let access = Access::read(&worker, &mut problems);
    (Arc::new(access), problems.iter().map(ToString::to_string).collect())
}

/// The status, the challenges, and the body.
async fn ask(access: &Arc<Access>, method: &str, path: &str, credentials: &str) -> (u16, Vec<String>, String) {
    ask_as(access, method, path, credentials, None).await
}

async fn ask_as(
    access: &Arc<Access>,
    method: &str,
    path: &str,
    credentials: &str,
    identity: Option<&Arc<Identity>>,
) -> (u16, Vec<String>, String) {
    let router: Router = Router::new()
        .fallback(async |request: Request| request.extensions().get::<Known>().map_or(String::new(), |it| it.0.clone()))
        .layer(from_fn_with_state(Arc::clone(access), admit));
    let mut request = Request::builder().method(method).uri(path);
    if !credentials.is_empty() {
        request = request.header(AUTHORIZATION, credentials);
    }
    if let Some(identity) = identity {
        let address = SocketAddr::from(([127, 0, 0, 1], 1));
        let peer = Peer { address, is_tls: true, identity: Some(Arc::clone(identity)) };
        request = request.extension(ConnectInfo(peer));
    }
    let response = router.oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
    let status = response.status().as_u16();
    let challenges = response.headers().get_all(WWW_AUTHENTICATE).iter();
    let challenges = challenges.map(|challenge| challenge.to_str().unwrap().to_owned()).collect();
    let body = axum::body::to_bytes(response.into_body(), 1 << 16).await.unwrap();
    (status, challenges, String::from_utf8(body.to_vec()).unwrap())
}

fn basic(pair: &str) -> String {
    format!("Basic {}", STANDARD.encode(pair))
}

#[tokio::test]
async fn passwords_and_tokens() {
    let folder = tempfile::tempdir().unwrap();
    let users = format!("# who\nops:{}\n\nwatch:{}:read-only\n", bcrypt_hash(), argon2_hash());
    // printf secret-token | sha256sum
    let hash = "930BBDC51B6AED5C2A5678FD6E28DEE7A05E8A4B643CFC0B4427C3EFB86C0D94";
    let users = file(&folder, "users", &users);
    let tokens = file(&folder, "tokens", &format!("robot:{}:read-only\nci:{hash}\n", "0".repeat(64)));
    let (access, problems) = access(&[("rest.auth.basic.file", &users), ("rest.auth.token.file", &tokens)]);
    assert_eq!(problems, [""; 0]);
    let (status, challenges, body) = ask(&access, "GET", "/connectors", "").await;
    assert_eq!((status, challenges.len()), (401, 2));
    assert_eq!(body, r#"{"error_code":401,"message":"User cannot access the resource."}"#);
    assert_eq!(challenges, ["Basic realm=\"rowtide\"", "Bearer realm=\"rowtide\""]);
    for open in ["/health", "/livez", "/readyz", "/startupz/", "/metrics"] {
        assert_eq!(ask(&access, "GET", open, "").await.0, 200, "{open}");
    }
    for wrong in ["ops:sesame", "nobody:sésame", "ops", "watch:sésame"].map(basic) {
        assert_eq!(ask(&access, "GET", "/", &wrong).await.0, 401);
    }
    for wrong in ["Bearer nothing", "Bearer ", "Digest x", "Basic ???", "Bearer"] {
        assert_eq!(ask(&access, "GET", "/", wrong).await.0, 401, "{wrong}");
    }
    // The second time the hash is not computed again, and a wrong password is still wrong.
    for _ in 0..2 {
        assert_eq!(ask(&access, "PUT", "/", &basic("ops:sésame")).await, (200, vec![], "ops".to_owned()));
        assert_eq!(ask(&access, "PUT", "/", &basic("ops:sésam")).await.0, 401);
        assert_eq!(ask(&access, "GET", "/", &basic("watch:open")).await, (200, vec![], "watch".to_owned()));
    }
    for method in ["POST", "PUT", "PATCH", "DELETE"] {
        let (status, _, body) = ask(&access, method, "/", &basic("watch:open")).await;
        assert_eq!((status, body.as_str()), (403, r#"{"error_code":403,"message":"User watch may only read"}"#));
    }
    assert_eq!(ask(&access, "POST", "/", "bearer secret-token").await, (200, vec![], "ci".to_owned()));
    // Who is taken out of the file is out; a file that nobody understands lets nobody in.
    std::fs::write(&users, format!("watch:{}\n", argon2_hash())).unwrap();
    assert_eq!(ask(&access, "GET", "/", &basic("ops:sésame")).await.0, 401);
    assert_eq!(ask(&access, "PUT", "/", &basic("watch:open")).await.0, 200);
    std::fs::write(&users, "watch:open\n").unwrap();
    let (status, _, body) = ask(&access, "GET", "/", &basic("watch:open")).await;
    assert!(status == 500 && body.contains("the log says why"), "{body}");
}

#[tokio::test]
async fn certificates_have_roles() {
    let folder = tempfile::tempdir().unwrap();
    let names = vec!["CN:ops".to_owned(), "URI:spiffe://acme/ops".to_owned()];
    let ops = Arc::new(Identity { subject: "CN=ops,O=acme".to_owned(), names });
    let other = Arc::new(Identity { subject: "CN=other,O=acme".to_owned(), names: vec!["CN:other".to_owned()] });
    let name = |name: &str| (200, vec![], name.to_owned());
    // Without a file of roles nothing is asked, and the name is known all the same.
    let (open, _) = access(&[("ssl.principal.mapping.rules", "RULE:^CN=(.*?),.*$/$1/U")]);
    assert_eq!(ask_as(&open, "DELETE", "/", "", Some(&ops)).await, name("OPS"));
    let roles = file(&folder, "roles", "spiffe://acme/ops:admin\nURI:spiffe://acme/ops:read-only\nOTHER:admin\n");
    let settings = [("rest.auth.certificate.file", roles.as_str())];
    let (strict, problems) = access(&settings);
    assert_eq!(problems, [""; 0]);
    assert_eq!(ask_as(&strict, "GET", "/", "", Some(&ops)).await, name("CN=ops,O=acme"));
    let (status, _, body) = ask_as(&strict, "PUT", "/", "", Some(&ops)).await;
    assert_eq!((status, body.as_str()), (403, r#"{"error_code":403,"message":"User CN=ops,O=acme may only read"}"#));
    let (status, challenges, body) = ask_as(&strict, "GET", "/", "", Some(&other)).await;
    assert!(status == 403 && challenges.is_empty() && body.contains("User CN=other,O=acme has no role"), "{body}");
    assert_eq!(ask(&strict, "GET", "/", "").await.0, 401);
    assert_eq!(ask(&strict, "GET", "/livez", "").await.0, 200);
    let (mapped, _) = access(&[settings[0], ("listeners.https.ssl.principal.mapping.rules", "RULE:CN=(.*?),.*/$1/U")]);
    assert_eq!(ask_as(&mapped, "DELETE", "/", "", Some(&other)).await, name("OTHER"));
    // A name that no rule makes is no name, whatever the certificate says besides.
    let (unmapped, _) = access(&[settings[0], ("ssl.principal.mapping.rules", "RULE:CN=nobody/$0/")]);
    assert_eq!(ask_as(&unmapped, "GET", "/", "", Some(&ops)).await.0, 403);
    // Beside passwords, who has no role may have one of these; who gives a wrong one is out, whatever the certificate.
    let users = file(&folder, "users", &format!("ops:{}\n", bcrypt_hash()));
    let (both, _) = access(&[settings[0], ("rest.auth.basic.file", &users)]);
    assert_eq!(ask_as(&both, "GET", "/", "", Some(&other)).await.1.len(), 1);
    assert_eq!(ask_as(&both, "PUT", "/", &basic("ops:sésame"), Some(&other)).await, name("ops"));
    assert_eq!(ask_as(&both, "GET", "/", "", Some(&ops)).await, name("CN=ops,O=acme"));
    assert_eq!(ask_as(&both, "GET", "/", &basic("ops:wrong"), Some(&ops)).await.0, 401);
    // Who is taken out of the file is out.
    std::fs::write(&roles, "*:read-only\n").unwrap();
    assert_eq!(ask_as(&mapped, "DELETE", "/", "", Some(&other)).await.0, 403);
    std::fs::write(&roles, "*:root\n").unwrap();
    assert_eq!(ask_as(&mapped, "GET", "/", "", Some(&other)).await.0, 500);
    let (_, problems) = access(&[settings[0], ("ssl.principal.mapping.rules", "CN=x")]);
    assert!(problems[0].contains("line 1: write name:admin") && problems[1].contains("write RULE:"), "{problems:?}");
}

#[tokio::test]
async fn guessing_takes_time() {
    let folder = tempfile::tempdir().unwrap();
    let users = file(&folder, "users", &format!("ops:{}\n", bcrypt_hash()));
    let (access, _) = access(&[("rest.auth.basic.file", &users)]);
    // All at once, so that none has failed when the others begin: no more are looked at all the same.
    let guesses: Vec<String> = (0..40).map(|guess| basic(&format!("ops:{guess}"))).collect();
    let asked = guesses.iter().map(|guess| ask(&access, "GET", "/", guess));
    let statuses: Vec<u16> = futures::future::join_all(asked).await.into_iter().map(|(status, ..)| status).collect();
    let count = |wanted: u16| statuses.iter().filter(|status| **status == wanted).count();
    assert!((10..=10 + HASHED_AT_ONCE).contains(&count(401)), "{statuses:?}");
    assert_eq!(count(401) + count(429), 40, "{statuses:?}");
    let (status, challenges, body) = ask(&access, "GET", "/", &basic("ops:sésame")).await;
    assert!(status == 429 && challenges.is_empty() && body.contains("Too many wrong passwords"), "{body}");
    assert_eq!(ask(&access, "GET", "/", &basic("other:guess")).await.0, 401);
    // The same user from elsewhere.
    let elsewhere = Arc::new(Identity::default());
    assert_eq!(ask_as(&access, "GET", "/", &basic("ops:sésame"), Some(&elsewhere)).await.0, 200);
    assert_eq!(ask(&access, "GET", "/", &basic("ops:sésame")).await.0, 429);
}

#[tokio::test]
async fn metrics_may_ask_too() {
    let folder = tempfile::tempdir().unwrap();
    let users = file(&folder, "users", &format!("ops:{}\n", bcrypt_hash()));
    let (access, _) = access(&[("rest.auth.basic.file", &users), ("rest.auth.metrics", "true")]);
    assert_eq!(ask(&access, "GET", "/metrics", "").await.0, 401);
    assert_eq!(ask(&access, "GET", "/readyz", "").await.0, 200);
}

#[test]
fn files_are_checked_at_the_start_and_never_shown() {
    let folder = tempfile::tempdir().unwrap();
    for (key, text, words) in [
        ("rest.auth.basic.file", "ops:hush\n".to_owned(), "line 1: the hash must be one of bcrypt"),
        ("rest.auth.basic.file", "#\nhush".to_owned(), "line 2: write user:hash"),
        ("rest.auth.basic.file", format!("a:{0}\na:{0}", bcrypt_hash()), "line 2: the name of an earlier line"),
        ("rest.auth.basic.file", format!("a:{}:hush", bcrypt_hash()), "line 1: the role must be"),
        ("rest.auth.basic.file", String::new(), "names nobody"),
        ("rest.auth.token.file", "a:hush".to_owned(), "line 1: the hash must be the token's SHA-256"),
    ] {
        let (_, problems) = access(&[(key, &file(&folder, "file", &text))]);
        assert!(problems.len() == 1 && problems[0].starts_with(key) && problems[0].contains(words), "{problems:?}");
        assert!(!problems[0].contains("hush"), "{problems:?}");
    }
    let extension = "org.apache.kafka.connect.rest.basic.auth.extension.BasicAuthSecurityRestExtension";
    let (_, problems) = access(&[("rest.extension.classes", extension)]);
    assert!(problems[0].starts_with("rest.auth.basic.file: is required"), "{problems:?}");
    let (_, problems) = access(&[("rest.auth.token.file", "/not/there")]);
    assert!(problems[0].contains("cannot be read"), "{problems:?}");
}
