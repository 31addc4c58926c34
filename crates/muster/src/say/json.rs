//! The same for programs: one JSON object on one line group, with a version that changes when a reader would have to.

use serde::Serialize;
use serde_json::{Map, Value};

/// The version of everything that `--json` prints.
pub(crate) const VERSION: u32 = 1;

/// The object with `"version"` in front. A value that is no object is put under `"items"`.
pub(crate) fn versioned(value: &impl Serialize) -> String {
    let mut object = Map::new();
    object.insert("version".to_owned(), VERSION.into());
    match serde_json::to_value(value) {
        Ok(Value::Object(fields)) => object.extend(fields),
        Ok(other) => {
            object.insert("items".to_owned(), other);
        }
        // Our own types have no map with keys that are not text, the one thing that JSON refuses.
        Err(error) => {
            object.insert("error".to_owned(), error.to_string().into());
        }
    }
    let mut text = serde_json::to_string_pretty(&object).unwrap_or_default();
    text.push('\n');
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_answer_carries_its_version() {
        let text = versioned(&serde_json::json!({"a": 1}));
        let back: Value = serde_json::from_str(&text).expect("json");
        assert_eq!(back["version"], 1);
        assert_eq!(back["a"], 1);
        let list: Value = serde_json::from_str(&versioned(&[1, 2])).expect("json");
        assert_eq!(list["items"], serde_json::json!([1, 2]));
    }
}
