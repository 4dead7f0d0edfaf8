//! What is wrong with a struct is said where it is wrong.

#[test]
fn what_does_not_compile() {
    trybuild::TestCases::new().compile_fail("tests/wrong/*.rs");
}
