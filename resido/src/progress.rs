//! What is going on, told to whoever asked to hear it.

use std::{fmt, sync::Arc};

/// Hears lines about what is going on, or nobody does (the default).
#[derive(Clone, Default)]
pub struct Progress(Option<Hear>);

type Hear = Arc<dyn Fn(&str) + Send + Sync>;

impl Progress {
    /// Tells `hear` each line.
    pub fn new(hear: impl Fn(&str) + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(hear)))
    }

    /// Tells a line.
    pub fn tell(&self, line: &str) {
        if let Some(hear) = &self.0 {
            hear(line);
        }
    }
}

impl fmt::Debug for Progress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Progress").field(&self.0.is_some()).finish()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    #[test]
    fn lines_reach_who_listens() {
        Progress::default().tell("nobody hears this");
        let heard = Arc::new(Mutex::new(Vec::new()));
        let lines = Arc::clone(&heard);
        Progress::new(move |line| lines.lock().unwrap().push(line.to_owned())).tell("a");
        assert_eq!(*heard.lock().unwrap(), ["a"]);
    }
}
