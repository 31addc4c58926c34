use super::letter::Letter;
use super::search::Found;

#[test]
fn a_letter_has_its_token_in_subject_and_message_id() {
    let letter = Letter::new("probe@example.com", "you@example.org", "mail-loop").expect("a letter");
    let token = letter.id.strip_prefix("<muster.").and_then(|rest| rest.strip_suffix("@example.com>"));
    let token = token.unwrap_or_else(|| panic!("{}", letter.id));
    assert_eq!(token.len(), 32);
    for line in [
        format!("\r\nSubject: muster probe {token}\r\n"),
        format!("\r\nMessage-ID: {}\r\n", letter.id),
        "\r\nX-Muster-Probe: mail-loop\r\n".to_owned(),
        "\r\nTo: <you@example.org>\r\n".to_owned(),
    ] {
        assert!(letter.text.contains(&line), "{line} in {}", letter.text);
    }
    let other = Letter::new("probe@example.com", "you@example.org", "mail-loop").expect("a letter");
    assert_ne!(other.id, letter.id);
}

#[test]
fn only_the_receiving_server_is_believed_about_the_sender() {
    for (header, auth) in [
        (
            "Authentication-Results: mx.example.org;\r\n\tspf=pass (x; dkim=fail) smtp.mailfrom=a;\r\n dkim=PASS header.d=a;\r\n dmarc=pass\r\nFrom: x\r\n",
            &["spf=pass", "dkim=pass", "dmarc=pass"][..],
        ),
        (
            "Authentication-Results: mx 1; spf=softfail\r\nReceived: x\r\nAuthentication-Results: mx; dkim=none\r\nAuthentication-Results: evil; dmarc=pass\r\nAuthentication-Results: mx; dmarc=pass\r\n",
            &["spf=softfail", "dkim=none"],
        ),
        ("Authentication-Results: mx; none\r\n", &[]),
        ("Authentication-Results:\r\nAuthentication-Results: ;;=;\r\n", &[]),
        ("", &[]),
    ] {
        assert_eq!(Found::with_header(header).auth(), auth, "{header}");
    }
}

#[test]
fn a_mark_of_a_filter_is_seen() {
    assert!(Found::with_header("x-spam-flag: Yes\r\n").is_flagged());
    assert!(!Found::with_header("X-Spam-Flag: NO\r\nX-Spam-Flagged: yes\r\n").is_flagged());
}
