//! A webhook receiver with moods, for a testbed server: `receiver ADDRESS FOLDER`.
//!
//! The word in `FOLDER/mode` says how it answers: `ok`, `hang` (accepts and never answers), `lie` (200 with an error in
//! the body), or a status number. What it answered with 200 is a line of JSON in `FOLDER/heard`.

#![expect(clippy::print_stderr, reason = "its words go to the journal of the testbed server")]

use std::fs::{self, OpenOptions};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

fn main() {
    let mut words = std::env::args().skip(1);
    let (Some(address), Some(folder)) = (words.next(), words.next()) else {
        eprintln!("usage: receiver ADDRESS FOLDER");
        return;
    };
    let folder = PathBuf::from(folder);
    match TcpListener::bind(&address) {
        Err(error) => eprintln!("{address}: {error}"),
        Ok(listener) => {
            for stream in listener.incoming().flatten() {
                let folder = folder.clone();
                std::thread::spawn(move || {
                    if let Err(error) = answer(stream, &folder) {
                        eprintln!("{error}");
                    }
                });
            }
        }
    }
}

fn answer(stream: TcpStream, folder: &Path) -> std::io::Result<()> {
    stream.set_read_timeout(Some(Duration::from_secs(20)))?;
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut first = String::new();
    reader.read_line(&mut first)?;
    let (mut length, mut key) = (0, String::new());
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let Some((name, value)) = line.trim_end().split_once(':') else { break };
        match name.to_ascii_lowercase().as_str() {
            "content-length" => length = value.trim().parse().unwrap_or(0),
            "idempotency-key" => key = value.trim().to_owned(),
            _ => {}
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    let mode = fs::read_to_string(folder.join("mode")).unwrap_or_default();
    let (status, words) = match mode.trim() {
        "" | "ok" => ("200 OK", "ok"),
        "lie" => ("200 OK", "{\"ok\":false,\"error\":\"no such channel\"}"),
        "hang" => {
            std::thread::sleep(Duration::from_secs(600));
            return Ok(());
        }
        number => (number, "not now"),
    };
    if words == "ok" {
        let at = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64());
        let line = serde_json::json!({
            "at": at,
            "path": first.split(' ').nth(1).unwrap_or_default(),
            "key": key,
            "body": String::from_utf8_lossy(&body),
        });
        let mut heard = OpenOptions::new().create(true).append(true).open(folder.join("heard"))?;
        heard.write_all(format!("{line}\n").as_bytes())?;
    }
    let mut stream = stream;
    write!(stream, "HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{words}", words.len())
}
