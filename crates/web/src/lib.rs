//! Dashboard, API and heartbeats: reads what is known, hands on what it is told, decides nothing.
//!
//! Floor 5 gives it the [`parts`] and the listeners. It knows neither the agent nor the channels: what it hears goes
//! through [`parts::Ear`], what is looked at comes from [`parts::Eye`], what it shows comes from the published snapshot and the store.
//!
//! | module | holds |
//! |---|---|
//! | [`parts`] | what the server is made of, and what it asks of others |
//! | [`serve`] | listeners: TCP, TLS, the control socket, their limits |
//! | [`router`](mod@router) | every address it answers |
//! | [`guard`] | who is asking, and whether they may |
//! | [`pages`] | HTML |
//! | [`api`] | JSON under `/api/v1` |
//! | [`ping`] | heartbeats, compatible with healthchecks.io |
//! | [`peers`] | what other agents send |
//! | [`jobs`] | what the jobs screen shows |
//! | [`checks`] | what the checks screen shows |
//! | [`doctor`] | what the doctor found on this host |
//! | [`services`] | what is deployed to this host |
//! | [`live`] | what changed, as server-sent events |
//! | [`records`] | the store, asked from async code |
//! | [`logs`] | the logs of runs, asked from async code |
//! | [`refusal`] | why a request was not done |
//! | [`acts`] | acknowledge, pause, resume, run, look, test: one way in for buttons and programs |
//! | [`notices`] | what people tell customers |
//! | [`subscribe`] | the public door: customers have that mailed to them |
//! | [`assets`] | the style sheet and the script, inside the program |
//! | [`times`] | moments as people read them |

pub mod acts;
pub mod api;
pub mod assets;
pub mod checks;
pub mod doctor;
pub mod guard;
pub mod jobs;
pub mod live;
pub mod logs;
pub mod notices;
pub mod pages;
pub mod parts;
pub mod peers;
pub mod ping;
pub mod records;
pub mod refusal;
pub mod router;
pub mod serve;
pub mod services;
pub mod subscribe;
pub mod times;

pub use parts::{
    Answer, Deaf, DialFault, Ear, Envoy, Eye, Heard, Link, NotDialled, Parts, Password, Registry, Settings,
};
pub use router::{Web, router};
pub use serve::{Listening, Tls, serve_tcp, serve_unix};
