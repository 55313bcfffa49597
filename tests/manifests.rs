//! `docker/`, checked by `manifests.py`.

use std::path::Path;
use std::process::Command;

use crate::support::server;

#[test]
fn manifests_and_image_are_sound() {
    let here = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    let done =
        Command::new(server::python()).arg(here.join("manifests.py")).arg(env!("CARGO_BIN_EXE_rowtide")).output();
    let done = done.unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
}
