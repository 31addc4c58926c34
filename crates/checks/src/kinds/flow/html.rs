//! Character references of HTML undone, as far as they stand in values of forms and links.

/// The names that programs write; all other references are numbers.
const NAMES: [(&str, char); 6] =
    [("amp", '&'), ("lt", '<'), ("gt", '>'), ("quot", '"'), ("apos", '\''), ("nbsp", '\u{a0}')];
/// The longest reference, in bytes.
const LONGEST: usize = 10;

/// A text as a browser would read it; what is no reference stays as it is.
pub(super) fn unescaped(text: &str) -> String {
    let (mut plain, mut rest) = (String::with_capacity(text.len()), text);
    while let Some(at) = rest.find('&') {
        let (front, back) = rest.split_at(at);
        plain.push_str(front);
        let end = back.find(';').filter(|end| *end <= LONGEST);
        match end.and_then(|end| Some((letter(back.get(1..end)?)?, end))) {
            Some((letter, end)) => {
                plain.push(letter);
                rest = back.get(end + 1..).unwrap_or_default();
            }
            None => {
                plain.push('&');
                rest = back.get(1..).unwrap_or_default();
            }
        }
    }
    plain.push_str(rest);
    plain
}

fn letter(reference: &str) -> Option<char> {
    let Some(number) = reference.strip_prefix('#') else {
        return NAMES.iter().find(|(name, _)| *name == reference).map(|(_, letter)| *letter);
    };
    let number = match number.strip_prefix(['x', 'X']) {
        Some(digits) => u32::from_str_radix(digits, 16).ok()?,
        None => number.parse().ok()?,
    };
    char::from_u32(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_undone_and_other_ampersands_stay() {
        for (text, plain) in [
            ("a&amp;b=1&#x2B;&#43;&#X2f;", "a&b=1++/"),
            ("&quot;x&quot; &lt;&gt;&#39;", "\"x\" <>'"),
            ("a&b;&&#;&#x110000;&unknown;&", "a&b;&&#;&#x110000;&unknown;&"),
            ("ä&ü;", "ä&ü;"),
        ] {
            assert_eq!(unescaped(text), plain);
        }
    }
}
