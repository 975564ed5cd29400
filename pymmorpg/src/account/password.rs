//! `account password`: a new password, asked for twice on a terminal without showing it, or one line of standard input.

use std::io::{self, BufRead, IsTerminal};

use anyhow::{Context, bail};

use super::missing;
use crate::data::Data;

/// The most that is read of a line: a password has 256 bytes at most, and what is longer must be seen to be.
const LINE_BYTES_MAX: u64 = 4_096;

/// The command.
pub(super) async fn run(name: &str, data: &Data) -> anyhow::Result<()> {
    let store = data.open().await?;
    let outcome = async {
        // Nobody types a password twice to be told that the name was wrong.
        let account = store.accounts().find(name).await?;
        let Some(account) = account else {
            bail!(missing(name, data)?);
        };
        let hash = tokio::task::spawn_blocking(ask_and_hash)
            .await
            .context("the password cannot be hashed: a fault in this program")??;
        if !store.accounts().set_password(name, hash).await? {
            bail!(missing(name, data)?);
        }
        Ok(account.name)
    };
    let outcome = outcome.await;
    store.close().await;
    println!("{} has a new password", outcome?);
    Ok(())
}

fn ask_and_hash() -> anyhow::Result<String> {
    let password = if io::stdin().is_terminal() {
        ask()?
    } else {
        read_line(io::stdin().lock())?
    };
    auth::password::check_rules(&password)?;
    Ok(auth::password::hash(password)?)
}

fn ask() -> anyhow::Result<Vec<u8>> {
    let ask = |prompt| rpassword::prompt_password(prompt).context("cannot ask for a password");
    let first = ask("New password: ")?;
    if ask("Once more: ")? != first {
        bail!("these are two different passwords; nothing was changed");
    }
    Ok(first.into_bytes())
}

fn read_line(input: impl BufRead) -> anyhow::Result<Vec<u8>> {
    let mut line = Vec::new();
    input
        .take(LINE_BYTES_MAX)
        .read_until(b'\n', &mut line)
        .context("cannot read the password from standard input")?;
    if line.last() == Some(&b'\n') {
        line.pop();
        if line.last() == Some(&b'\r') {
            line.pop();
        }
    }
    Ok(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_is_read() {
        for (input, expected) in [
            ("secret\nmore\n", "secret"),
            ("secret", "secret"),
            ("secret\r\n", "secret"),
            (" with spaces \n", " with spaces "),
            ("", ""),
        ] {
            assert_eq!(
                read_line(input.as_bytes()).unwrap(),
                expected.as_bytes(),
                "{input:?}"
            );
        }
    }
}
