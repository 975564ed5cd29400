//! A certificate for `localhost` and 127.0.0.1, and the authority that has signed it, made anew for each test.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use tempfile::TempDir;

/// Its files are there for as long as it is.
#[derive(Debug)]
pub struct Certificate {
    folder: TempDir,
}

impl Certificate {
    /// Makes one.
    #[must_use]
    pub fn make() -> Self {
        let certificate = Self {
            folder: tempfile::tempdir().expect("there is a place for temporary files"),
        };
        let names = "subjectAltName=DNS:localhost,IP:127.0.0.1";
        let key = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes";
        certificate.openssl(&format!(
            "req -x509 {key} -keyout ca.key -out ca.crt -subj /CN=tests -days 2"
        ));
        certificate.openssl(&format!(
            "req {key} -keyout server.key -out server.csr -subj /CN=localhost -addext {names}"
        ));
        certificate.openssl(
            "x509 -req -in server.csr -CA ca.crt -CAkey ca.key -CAcreateserial -copy_extensions copy -days 2 -out server.crt",
        );
        certificate
    }

    /// Whom to trust.
    #[must_use]
    pub fn authority(&self) -> PathBuf {
        self.folder.path().join("ca.crt")
    }

    /// Puts what the server needs into its folder.
    pub(crate) fn copy_to(&self, folder: &Path) {
        for name in ["server.crt", "server.key"] {
            std::fs::copy(self.folder.path().join(name), folder.join(name))
                .unwrap_or_else(|error| panic!("{name}: {error}"));
        }
    }

    fn openssl(&self, arguments: &str) {
        let output = Command::new("openssl")
            .args(arguments.split(' '))
            .current_dir(self.folder.path())
            .output()
            .expect("openssl is installed: apt-get install openssl");
        assert!(
            output.status.success(),
            "openssl {arguments}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
    }
}
