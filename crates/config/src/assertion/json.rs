//! What a path finds in a body that should be JSON.

use serde_json_path::JsonPath;

use super::facts::{Unseen, Value};

/// The value that a path (RFC 9535) leads to; a list where it leads to several.
///
/// # Errors
/// [`Unseen`] when it leads nowhere, or the body is not JSON: an error page in HTML is no proof that a field is not there.
pub fn find(path: &JsonPath, body: &[u8]) -> Result<Value, Unseen> {
    let tree: serde_json::Value = serde_json::from_slice(body)
        .map_err(|error| Unseen::Hidden(format!("the body is not JSON: {error}")))?;
    let nodes = path.query(&tree).all();
    match nodes.as_slice() {
        [] => Err(Unseen::Absent(String::new())),
        [one] => Ok(of_json(one)),
        several => Ok(Value::List(several.iter().map(|node| of_json(node)).collect())),
    }
}

/// A node of JSON as a value; an object is its text.
fn of_json(node: &serde_json::Value) -> Value {
    match node {
        serde_json::Value::Null => Value::Nothing,
        serde_json::Value::Bool(flag) => Value::Flag(*flag),
        serde_json::Value::Number(number) => {
            number.as_f64().map_or_else(|| Value::Text(number.to_string()), Value::Number)
        }
        serde_json::Value::String(text) => Value::Text(text.clone()),
        serde_json::Value::Array(items) => Value::List(items.iter().map(of_json).collect()),
        serde_json::Value::Object(_) => Value::Text(node.to_string()),
    }
}
