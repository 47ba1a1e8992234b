//! Peegel: a mystery-shopper audit backend. One binary: the server, its worker, the demo and the commands.

mod access;
mod account;
mod agreement;
mod apikeys;
mod app;
mod appeals;
mod canonical;
mod chains;
mod cli;
mod clock;
mod config;
mod consent;
mod db;
mod demo;
mod entity;
mod erasure;
mod events;
mod evidence;
mod failure;
mod fieldwork;
mod http;
mod ids;
mod jobs;
mod library;
mod links;
mod mail;
mod metrics;
mod notices;
mod ops;
mod people;
mod plans;
mod publishing;
mod receipts;
mod rehearsals;
mod reports;
mod results;
mod retention;
mod review;
mod scenarios;
mod scorecards;
mod secrets;
mod sessions;
mod signals;
mod signing;
mod standards;
mod states;
mod suggestions;
mod sync;
mod transcripts;
mod uploads;
mod vault;
mod visits;
mod words;
mod write;

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::run()
}
