//! Settings as they are shown in logs and errors, without their secrets.

use figment::value::{Dict, Num, Value};
use serde::Serialize;

/// What stands in the place of a secret.
pub(super) const MASK: &str = "***";
/// A key with one of these in it holds a secret.
const SECRET: [&str; 3] = ["password", "secret", "token"];

/// All settings on one line, `gateway.listen="127.0.0.1:7777" …`, in the order of their keys. Secrets are masked: whatever is under a key with
/// `password`, `secret` or `token` in its name, and the passwords within URLs.
#[must_use]
pub fn describe(value: &impl Serialize) -> String {
    let mut parts = Vec::new();
    match Value::serialize(value) {
        Ok(value) => gather(&mut Vec::new(), &value, &mut parts),
        Err(error) => parts.push(format!("settings that cannot be shown: {error}")),
    }
    parts.join(" ")
}

/// One value, masked if it is a secret.
pub(super) fn shown(path: &[String], value: &Value) -> String {
    if path.iter().any(|key| is_secret(key)) {
        return MASK.to_owned();
    }
    match value {
        Value::String(_, text) => format!("{:?}", masked(text)),
        Value::Char(_, character) => format!("{character:?}"),
        Value::Bool(_, flag) => flag.to_string(),
        Value::Num(_, number) => number_text(*number),
        Value::Empty(..) => "none".to_owned(),
        Value::Array(_, items) => {
            let items: Vec<_> = items.iter().map(|item| shown(path, item)).collect();
            format!("[{}]", items.join(", "))
        }
        Value::Dict(_, dict) => {
            let fields: Vec<_> = dict
                .iter()
                .map(|(key, value)| format!("{key} = {}", shown(std::slice::from_ref(key), value)))
                .collect();
            format!("{{{}}}", fields.join(", "))
        }
    }
}

fn gather(path: &mut Vec<String>, value: &Value, parts: &mut Vec<String>) {
    match value {
        Value::Dict(_, dict) => gather_all(path, dict, parts),
        Value::Empty(..) => {}
        value => parts.push(format!("{}={}", path.join("."), shown(path, value))),
    }
}

fn gather_all(path: &mut Vec<String>, dict: &Dict, parts: &mut Vec<String>) {
    for (key, value) in dict {
        path.push(key.clone());
        gather(path, value, parts);
        path.pop();
    }
}

fn number_text(number: Num) -> String {
    match (number.to_u128(), number.to_i128(), number.to_f64()) {
        (Some(number), _, _) => number.to_string(),
        (_, Some(number), _) => number.to_string(),
        (_, _, Some(number)) => number.to_string(),
        (None, None, None) => "a number".to_owned(),
    }
}

fn is_secret(key: &str) -> bool {
    let key = key.to_lowercase();
    SECRET.iter().any(|word| key.contains(word))
}

/// A text with the passwords of every URL in it masked.
#[must_use]
pub fn masked(text: &str) -> String {
    text.split_inclusive([' ', ',', ';', '\n', '"', '\''])
        .map(masked_url)
        .collect()
}

/// The password may hold what it should not, such as `/` or `@`: it goes up to the last `@`. What is masked too much is no harm.
fn masked_url(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else {
        return url.to_owned();
    };
    let authority = match rest.rsplit_once('@') {
        Some((user, host)) => match user.split_once(':') {
            Some((name, _)) => format!("{name}:{MASK}@{host}"),
            None => rest.to_owned(),
        },
        None => rest.to_owned(),
    };
    let query = match authority.split_once('?') {
        Some((front, query)) => {
            let pairs: Vec<_> = query.split('&').map(masked_pair).collect();
            format!("{front}?{}", pairs.join("&"))
        }
        None => authority,
    };
    format!("{scheme}://{query}")
}

fn masked_pair(pair: &str) -> String {
    match pair.split_once('=') {
        Some((key, _)) if is_secret(key) => format!("{key}={MASK}"),
        _ => pair.to_owned(),
    }
}
