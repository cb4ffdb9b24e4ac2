//! Who is told how the journey goes.

/// Whoever tells a person what happens.
pub trait Narrator: Sync {
    /// What comes next, or has come about.
    fn tell(&self, text: &str);
    /// Shows what a person would see who calls kubectl with these arguments.
    fn show(&self, arguments: &[&str]);
}

/// Tells the test's captured output, which is printed when the test fails.
#[derive(Clone, Copy, Debug)]
pub struct ToTheTest;

impl Narrator for ToTheTest {
    #[expect(clippy::print_stdout, reason = "the test harness keeps it until the test fails")]
    fn tell(&self, text: &str) {
        println!("{text}");
    }

    fn show(&self, _: &[&str]) {}
}

/// Tells nobody.
#[derive(Clone, Copy, Debug)]
pub struct Silence;

impl Narrator for Silence {
    fn tell(&self, _: &str) {}

    fn show(&self, _: &[&str]) {}
}
