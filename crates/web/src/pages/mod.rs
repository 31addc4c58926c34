//! HTML, made on the server. Everything works without a script; the script only keeps a page fresh.
//!
//! | module | holds |
//! |---|---|
//! | [`frame`] | what all pages share: head, bar, faults of muster itself |
//! | [`words`] | conditions, reasons and endings as people say them |
//! | [`shapes`] | the marks of conditions: a shape and a word, never colour alone |
//! | [`strips`] | the recent verdicts of an expectation as a strip |
//! | [`wrap`] | the line to write so that a schedule reports in |
//! | [`first`] | `/` |
//! | [`expectation`] | `/e/{id}` |
//! | [`jobs`] | `/jobs` |
//! | [`checks`] | `/checks` |
//! | [`look`] | what is looked at, on the page of one check |
//! | [`notices`] | what customers are told of it |
//! | [`latency`] | what was seen of a check, as drawings |
//! | [`racing`] | `/jobs/racing`, and what meets in sentences |
//! | [`track`] | two days of a job, and its last runs, as drawings |
//! | [`run`] | `/runs/{about}/{run}` |
//! | [`services`] | `/services` |
//! | [`host`] | `/host` |
//! | [`doctor`] | `/doctor` |
//! | [`watchers`] | who watches this agent, on `/` |
//! | [`deliveries`] | `/deliveries` |
//! | [`signin`] | `/signin` |
//! | [`act`] | what buttons send |
//! | [`forms`] | the buttons |
//! | [`refused`] | refusals |

pub mod act;
pub mod checks;
pub mod deliveries;
pub mod doctor;
pub mod expectation;
pub mod first;
pub mod forms;
pub mod frame;
pub mod host;
pub mod jobs;
pub mod latency;
pub mod look;
pub mod notices;
pub mod racing;
pub mod refused;
pub mod run;
pub mod services;
pub mod shapes;
pub mod signin;
pub mod strips;
pub mod track;
pub mod watchers;
pub mod words;
pub mod wrap;
