//! Templates: text in which `{{name}}` stands for a value. `${{ … }}` is left alone: it belongs to the pipeline.

use std::collections::BTreeMap;

/// What is wrong with a template. Users never see it: a test fills every template.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unfilled {
    /// No value has this name.
    #[error("no value is called {0:?}")]
    Unknown(String),
    /// Two braces that nothing closes.
    #[error("two braces are open at byte {0}")]
    Open(usize),
}

/// The values, by their names.
pub type Values = BTreeMap<&'static str, String>;

/// The text with every name replaced by its value. Values are not looked at again.
///
/// # Errors
/// [`Unfilled`] for a name without a value, and for braces that nothing closes.
pub fn fill(template: &str, values: &Values) -> Result<String, Unfilled> {
    let mut filled = String::with_capacity(template.len());
    let mut rest = template;
    while let Some(at) = rest.find("{{") {
        let open = template.len() - rest.len() + at;
        let inner = &rest[at + 2..];
        let end = inner.find("}}").ok_or(Unfilled::Open(open))?;
        if rest[..at].ends_with('$') {
            filled.push_str(&rest[..at + 2 + end + 2]);
        } else {
            let name = &inner[..end];
            let value = values.get(name).ok_or_else(|| Unfilled::Unknown(name.to_owned()))?;
            filled.push_str(&rest[..at]);
            filled.push_str(value);
        }
        rest = &inner[end + 2..];
    }
    filled.push_str(rest);
    Ok(filled)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_replaced_and_nothing_else_is() {
        let values = Values::from([("name", "api".to_owned()), ("odd", "{{name}}".to_owned())]);
        for (template, filled) in [
            ("a {{name}} b {{name}}", "a api b api"),
            ("{ x } }} {{odd}}", "{ x } }} {{name}}"),
            ("${{ secrets.KEY }} {{name}}", "${{ secrets.KEY }} api"),
            ("", ""),
        ] {
            assert_eq!(fill(template, &values).as_deref(), Ok(filled));
        }
        assert_eq!(fill("x {{nme}}", &values), Err(Unfilled::Unknown("nme".to_owned())));
        assert_eq!(fill("x {{ name }}", &values), Err(Unfilled::Unknown(" name ".to_owned())));
        assert_eq!(fill("{{name}} {{name", &values), Err(Unfilled::Open(9)));
    }
}
