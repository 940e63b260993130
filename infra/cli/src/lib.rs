#![doc = include_str!("../README.md")]

pub mod allow;
pub mod ca;
pub mod cli;
pub mod cloud;
pub mod credentials;
pub mod crl;
mod deployed;
pub mod device;
pub mod devices;
pub mod files;
pub mod issue;
mod limits;
pub mod numbers;
pub mod output;
pub mod routes;
pub mod stack;
pub mod store;
pub mod sweep;
pub mod thing;
pub mod why;
