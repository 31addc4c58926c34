//! The languages that a service can begin in. Adding one is one file here, and two lines below.

mod go;
mod node;
mod python;
mod rust;

/// One language.
#[derive(Debug)]
pub struct Language {
    /// Its word, after `--lang`.
    pub name: &'static str,
    /// What a service in it begins as, in one sentence.
    pub sentence: &'static str,
    /// Its files below `code`: path, template, and whether it can be started.
    pub files: &'static [(&'static str, &'static str, bool)],
    /// What is run once in a fresh folder of a release, where no image is built.
    pub build: &'static [&'static str],
}

/// Every language.
pub const LANGUAGES: &[Language] = &[python::ROW, node::ROW, rust::ROW, go::ROW];

/// The language of that name.
pub fn find(name: &str) -> Option<&'static Language> {
    LANGUAGES.iter().find(|language| language.name == name)
}
