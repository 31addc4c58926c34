//! The roll call, sentence by sentence. `scene` is the stage; each other module holds one chapter.

mod scene;
mod slots;
