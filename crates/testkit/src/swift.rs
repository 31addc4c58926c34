//! An object store on loopback: OpenStack Swift as Debian has it, spoken to as S3, with data of its own, run by nobody.

use std::fs;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::chown;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use rusty_s3::actions::{CreateBucket, DeleteObject};
use rusty_s3::{Bucket, Credentials, S3Action, UrlStyle};
use tempfile::TempDir;

use crate::daemon::{Daemon, open_to_all};
use crate::port;
use crate::tls::Identity;

/// The id of a key that may do everything.
pub const KEY: &str = "app:probe";
/// Its secret.
pub const SECRET: &str = "open-sesame-42";
/// The id of a key that may do nothing.
pub const STRANGER: &str = "app:stranger";
/// Its secret.
pub const STRANGERS_SECRET: &str = "close-sesame-43";
/// The region.
pub const REGION: &str = "eu-west-1";
/// The bucket that is there.
pub const BUCKET: &str = "backups";
/// How many objects one page of a list has.
pub const PAGE: usize = 10;

const NOBODY: u32 = 65534;

/// Makes a ring of one replica on one device. `swift-ring-builder` does the same in nine processes.
const RINGS: &str = "from swift.common.ring.builder import RingBuilder
def ring(name, port):
    builder = RingBuilder(1, 1, 0)
    builder.add_dev(dict(region=1, zone=1, weight=1, ip='127.0.0.1', port=port, device='d1'))
    builder.rebalance()
    builder.get_ring().save(name + '.ring.gz')
";

/// The store; it ends when it is dropped.
pub struct Swift {
    /// Where it listens without TLS.
    pub address: SocketAddr,
    /// Where it listens with TLS; its certificate is for `localhost`.
    pub secure: SocketAddr,
    /// Where it believes whatever it is told, the time of an object included.
    behind: SocketAddr,
    bucket: Bucket,
    _daemon: Daemon,
    folder: TempDir,
}

impl Swift {
    /// Starts it with the bucket [`BUCKET`], which is empty.
    ///
    /// # Errors
    /// When it does not come up; its log is in the words.
    pub fn start() -> io::Result<Self> {
        let folder = tempfile::tempdir()?;
        let at = folder.path();
        let (etc, data) = (at.join("etc"), at.join("data/d1"));
        fs::create_dir(&etc)?;
        fs::create_dir_all(&data)?;
        let identity = Identity::new()?;
        identity.write_certificate(&at.join("ca.pem"))?;
        identity.write_key(&at.join("key.pem"))?;
        open_to_all(at, 0o755)?;
        for path in [at.to_owned(), at.join("data"), data, at.join("key.pem")] {
            chown(path, Some(NOBODY), Some(NOBODY))?;
        }
        fs::write(
            etc.join("swift.conf"),
            "[swift-hash]\nswift_hash_path_prefix = a\nswift_hash_path_suffix = b\n",
        )?;
        let here = at.display();
        let common = |port: u16| {
            format!(
                "[DEFAULT]\nbind_ip = 127.0.0.1\nbind_port = {port}\nworkers = 0\nuser = nobody\n\
                 log_address = {here}/none\ndevices = {here}/data\nmount_check = false\nfallocate_reserve = 0\n\
                 disable_fallocate = true\n"
            )
        };
        let (mut rings, mut servers) = (RINGS.to_owned(), String::new());
        let mut addresses = Vec::new();
        for kind in ["account", "container", "object"] {
            let address = port::refusing()?;
            addresses.push(address);
            fs::write(
                etc.join(format!("{kind}.conf")),
                format!(
                    "{}[pipeline:main]\npipeline = {kind}-server\n[app:{kind}-server]\nuse = egg:swift#{kind}\n\
                     recon_cache_path = {here}\n",
                    common(address.port())
                ),
            )?;
            rings.push_str(&format!("ring(\"{kind}\", {})\n", address.port()));
            servers.push_str(&format!("swift-{kind}-server {kind}.conf & "));
        }
        // It insists on a cache, and does without one that does not answer.
        let nobody = port::refusing()?;
        let (address, secure, behind) = (port::refusing()?, port::refusing()?, port::refusing()?);
        let front = "cache s3api tempauth ";
        let tls = format!("cert_file = {here}/ca.pem\nkey_file = {here}/key.pem\n");
        for (name, address, tls, front) in [
            ("open", address, "", front),
            ("secure", secure, tls.as_str(), front),
            ("behind", behind, "", ""),
        ] {
            addresses.push(address);
            fs::write(
                etc.join(format!("{name}.conf")),
                format!(
                    "{}{tls}[pipeline:main]\npipeline = catch_errors gatekeeper {front}proxy-server\n\
                     [app:proxy-server]\nuse = egg:swift#proxy\naccount_autocreate = true\n\
                     [filter:catch_errors]\nuse = egg:swift#catch_errors\n\
                     [filter:gatekeeper]\nuse = egg:swift#gatekeeper\nshunt_inbound_x_timestamp = false\n\
                     [filter:cache]\nuse = egg:swift#memcache\nmemcache_servers = {nobody}\n\
                     [filter:s3api]\nuse = egg:swift#s3api\nlocation = {REGION}\nmax_bucket_listing = {PAGE}\n\
                     [filter:tempauth]\nuse = egg:swift#tempauth\nuser_app_probe = {SECRET} .admin\n\
                     user_app_stranger = {STRANGERS_SECRET}\n",
                    common(address.port())
                ),
            )?;
            servers.push_str(&format!("swift-proxy-server {name}.conf & "));
        }
        fs::write(etc.join("rings.py"), rings)?;
        let line = format!(
            "mount --bind \"$0/etc\" /etc/swift; cd \"$0/etc\"; /usr/bin/python3 rings.py && {{ {servers}wait; }}"
        );
        let mut daemon = Daemon::start(at, "swift", &line)?;
        for address in addresses {
            daemon.wait_for(address)?;
        }
        let endpoint = format!("http://{address}").parse().map_err(io::Error::other)?;
        let bucket = Bucket::new(endpoint, UrlStyle::Path, BUCKET, REGION).map_err(io::Error::other)?;
        let store = Self { address, secure, behind, bucket, _daemon: daemon, folder };
        let asked = CreateBucket::new(&store.bucket, &credentials()).sign(Duration::from_secs(60));
        carry_out(address, "PUT", path_of(asked.as_str()), "", b"")?;
        Ok(store)
    }

    /// The certificate to trust.
    pub fn ca(&self) -> PathBuf {
        self.folder.path().join("ca.pem")
    }

    /// Puts an object that was modified so long ago.
    ///
    /// # Errors
    /// With the store's words.
    pub fn put(&self, object: &str, body: &[u8], age: Duration) -> io::Result<()> {
        let then =
            (SystemTime::now() - age).duration_since(SystemTime::UNIX_EPOCH).map_err(io::Error::other)?;
        let stamp = format!("X-Timestamp: {:.5}\r\n", then.as_secs_f64());
        let path = format!("/v1/AUTH_app{}", self.bucket.object_url(object).path());
        carry_out(self.behind, "PUT", &path, &stamp, body)
    }

    /// Removes an object.
    ///
    /// # Errors
    /// With the store's words.
    pub fn remove(&self, object: &str) -> io::Result<()> {
        let asked =
            DeleteObject::new(&self.bucket, Some(&credentials()), object).sign(Duration::from_secs(60));
        carry_out(self.address, "DELETE", path_of(asked.as_str()), "", b"")
    }
}

/// What stands behind scheme and host.
fn path_of(url: &str) -> &str {
    url.match_indices('/').nth(2).map_or("/", |(start, _)| &url[start..])
}

fn carry_out(address: SocketAddr, method: &str, path: &str, headers: &str, body: &[u8]) -> io::Result<()> {
    let mut stream = TcpStream::connect(address)?;
    write!(
        stream,
        "{method} {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n{headers}Content-Length: {}\r\n\r\n",
        body.len()
    )?;
    stream.write_all(body)?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let is_good = answer.split(' ').nth(1).is_some_and(|status| status.starts_with('2'));
    if is_good { Ok(()) } else { Err(io::Error::other(answer)) }
}

fn credentials() -> Credentials {
    Credentials::new(KEY, SECRET)
}
