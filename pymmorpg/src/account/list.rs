//! `account list`.

use serde_json::json;
use store::accounts::Account;

use crate::{data::Data, utc, world::table};

/// The command.
pub(super) async fn run(data: &Data, as_json: bool) -> anyhow::Result<()> {
    let store = data.open().await?;
    let accounts = store.accounts().list().await;
    store.close().await;
    let accounts = accounts?;
    if as_json {
        let accounts: Vec<_> = accounts.iter().map(document).collect();
        println!("{}", json!(accounts));
    } else if accounts.is_empty() {
        println!("there are no accounts yet");
    } else {
        println!(
            "{}",
            table(
                &["name", "role", "created", "logins"],
                &[3],
                accounts.iter().map(row)
            )
        );
    }
    Ok(())
}

fn row(account: &Account) -> Vec<String> {
    vec![
        account.name.clone(),
        account.role.as_str().to_owned(),
        utc::text(account.created_ms),
        account.generation.to_string(),
    ]
}

/// Everything but the password's hash.
fn document(account: &Account) -> serde_json::Value {
    json!({
        "name": account.name,
        "role": account.role.as_str(),
        "created_ms": account.created_ms,
        "logins": account.generation,
    })
}
