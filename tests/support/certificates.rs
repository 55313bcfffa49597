//! Certificates for one test: an authority, a server for loopback, a client, and one that the authority does not know.

use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

/// Files in a folder of their own: `ca.crt`, and for `server`, `client` and `stranger` NAME.key, NAME.crt, and NAME.pem,
/// which holds both.
pub(crate) struct Certificates {
    folder: TempDir,
}

impl Certificates {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path();
        std::fs::write(path.join("names"), NAMES).unwrap();
        authority(path, "ca");
        authority(path, "other");
        for (name, signed_by) in [("server", "ca"), ("client", "ca"), ("stranger", "other")] {
            signed(path, name, signed_by);
        }
        Self { folder }
    }

    /// Only NAME.key, NAME.crt and NAME.pem, signed by a server's own authority.
    pub(crate) fn of(authority: &Path, its_key: &Path, name: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("names"), NAMES).unwrap();
        std::fs::copy(authority, folder.path().join("ca.crt")).unwrap();
        std::fs::copy(its_key, folder.path().join("ca.key")).unwrap();
        signed(folder.path(), name, "ca");
        Self { folder }
    }

    /// One more of our authority, for that subject (`/O=acme/CN=ops`) and those alternative names beside loopback's.
    pub(crate) fn sign(&self, name: &str, subject: &str, alternative: &str) {
        std::fs::write(self.folder.path().join("names"), format!("{},{alternative}\n", NAMES.trim_end())).unwrap();
        signed_for(self.folder.path(), name, subject, "ca");
    }

    /// The path of a file.
    pub(crate) fn path(&self, name: &str) -> String {
        self.folder.path().join(name).display().to_string()
    }
}

const NAMES: &str = "subjectAltName=IP:127.0.0.1,DNS:localhost\n";

const KEY: [&str; 5] = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];

fn authority(folder: &Path, name: &str) {
    let (key, certificate, subject) = (format!("{name}.key"), format!("{name}.crt"), format!("/CN=throwaway {name}"));
    let what = ["req", "-x509", "-days", "2", "-subj", &subject, "-keyout", &key, "-out", &certificate];
    openssl(folder, &[&what[..], &KEY].concat());
}

fn signed(folder: &Path, name: &str, by: &str) {
    signed_for(folder, name, &format!("/CN={name}"), by);
}

fn signed_for(folder: &Path, name: &str, subject: &str, by: &str) {
    let file = |end: &str| format!("{name}.{end}");
    let what = ["req", "-subj", subject, "-keyout", &file("key"), "-out", &file("csr")];
    openssl(folder, &[&what[..], &KEY].concat());
    let (authority, its_key) = (format!("{by}.crt"), format!("{by}.key"));
    let what = ["x509", "-req", "-days", "2", "-in", &file("csr"), "-CA", &authority, "-CAkey", &its_key];
    openssl(folder, &[&what[..], &["-CAcreateserial", "-extfile", "names", "-out", &file("crt")]].concat());
    let read = |end: &str| -> String { std::fs::read_to_string::<PathBuf>(folder.join(file(end))).unwrap() };
    std::fs::write(folder.join(file("pem")), read("key") + &read("crt")).unwrap();
}

fn openssl(folder: &Path, arguments: &[&str]) {
    let done = Command::new("openssl").args(arguments).current_dir(folder).output().unwrap();
    assert!(done.status.success(), "openssl {arguments:?}: {}", String::from_utf8_lossy(&done.stderr));
}
