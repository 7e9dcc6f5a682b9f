//! End-to-end tests live in the test target; this library is empty so that cargo has something to build.
