//! A registry with one image, as far as a pull needs one.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::JoinHandle;

use sha2::{Digest, Sha256};

const MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";

/// Ends when it is dropped.
pub(crate) struct Registry {
    port: u16,
    digest: String,
    asked: Arc<AtomicUsize>,
    ends: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

fn digest(bytes: &[u8]) -> String {
    let hex: String = Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect();
    format!("sha256:{hex}")
}

impl Registry {
    /// With one image of this name and the tag `v1`, which holds nothing.
    pub(crate) fn start(name: &str) -> Self {
        let layer = layer(name);
        let config = format!(
            r#"{{"architecture":"amd64","os":"linux","config":{{"Labels":{{"test":"{}"}}}},"rootfs":{{"type":"layers","diff_ids":["{}"]}}}}"#,
            std::process::id(),
            digest(&layer)
        );
        let blob = |kind: &str, bytes: &[u8]| {
            format!(r#"{{"mediaType":"{kind}","size":{},"digest":"{}"}}"#, bytes.len(), digest(bytes))
        };
        let manifest = format!(
            r#"{{"schemaVersion":2,"mediaType":"{MANIFEST}","config":{},"layers":[{}]}}"#,
            blob("application/vnd.docker.container.image.v1+json", config.as_bytes()),
            blob("application/vnd.docker.image.rootfs.diff.tar.gzip", &layer)
        );
        let door = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = door.local_addr().expect("an address").port();
        let digest = digest(manifest.as_bytes());
        let (asked, ends) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicBool::new(false)));
        let shelf = Shelf {
            name: name.to_owned(),
            layer,
            config: config.into_bytes(),
            manifest: manifest.into_bytes(),
        };
        let thread = std::thread::spawn({
            let (asked, ends) = (asked.clone(), ends.clone());
            move || {
                while let Ok((guest, _)) = door.accept() {
                    if ends.load(Ordering::SeqCst) {
                        return;
                    }
                    asked.fetch_add(1, Ordering::SeqCst);
                    drop(shelf.serve(guest));
                }
            }
        });
        Self { port, digest, asked, ends, thread: Some(thread) }
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    pub(crate) fn digest(&self) -> &str {
        &self.digest
    }

    /// How often anything was asked of it.
    pub(crate) fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        self.ends.store(true, Ordering::SeqCst);
        drop(TcpStream::connect(("127.0.0.1", self.port)));
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

/// A tar archive with one empty file whose name nobody else has.
fn layer(name: &str) -> Vec<u8> {
    let mut header = [0_u8; 512];
    let file = format!("{}-{}", name.replace('/', "-"), std::process::id());
    header[..file.len()].copy_from_slice(file.as_bytes());
    header[100..107].copy_from_slice(b"0000644");
    header[124..135].copy_from_slice(b"00000000000");
    header[156] = b'0';
    header[257..265].copy_from_slice(b"ustar\x0000");
    header[148..156].fill(b' ');
    let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
    header[148..155].copy_from_slice(format!("{sum:06o}\0").as_bytes());
    let mut tar = header.to_vec();
    tar.extend([0; 1024]);
    tar
}

struct Shelf {
    name: String,
    layer: Vec<u8>,
    config: Vec<u8>,
    manifest: Vec<u8>,
}

impl Shelf {
    fn serve(&self, mut guest: TcpStream) -> std::io::Result<()> {
        let mut lines = BufReader::new(guest.try_clone()?).lines();
        let first = lines.next().transpose()?.unwrap_or_default();
        while lines.next().transpose()?.is_some_and(|line| !line.is_empty()) {}
        let mut words = first.split(' ');
        let (verb, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        let base = format!("/v2/{}", self.name);
        let asked = path.strip_prefix(&base).unwrap_or(path);
        let (status, kind, body): (_, _, &[u8]) = match asked {
            "/v2/" => ("200 OK", "application/json", b"{}"),
            "/manifests/v1" => ("200 OK", MANIFEST, &self.manifest),
            other if other.strip_prefix("/manifests/") == Some(&digest(&self.manifest)) => {
                ("200 OK", MANIFEST, &self.manifest)
            }
            other if other.strip_prefix("/blobs/") == Some(&digest(&self.config)) => {
                ("200 OK", "application/octet-stream", &self.config)
            }
            other if other.strip_prefix("/blobs/") == Some(&digest(&self.layer)) => {
                ("200 OK", "application/octet-stream", &self.layer)
            }
            _ => (
                "404 Not Found",
                "application/json",
                br#"{"errors":[{"code":"MANIFEST_UNKNOWN","message":"manifest unknown"}]}"#,
            ),
        };
        let head = format!(
            "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {}\r\nDocker-Content-Digest: {}\r\n\
             Docker-Distribution-Api-Version: registry/2.0\r\nConnection: close\r\n\r\n",
            body.len(),
            digest(body)
        );
        guest.write_all(head.as_bytes())?;
        if verb == "GET" { guest.write_all(body) } else { Ok(()) }
    }
}
