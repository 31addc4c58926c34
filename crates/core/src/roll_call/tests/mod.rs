//! The roll call, sentence by sentence. `scene` is the stage; each other module holds one chapter.

mod blindness;
mod climbs;
mod clocks;
mod habits;
mod infected;
mod load;
mod looked;
mod maintenance;
mod pages;
mod parents;
mod past;
mod runs;
mod scene;
mod slots;
mod spent;
