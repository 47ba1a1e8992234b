//! End-to-end tests: the real program over real HTTP, each test on a server, a folder and a database of its own.
//!
//! Every test runs on SQLite and on PostgreSQL; `tests/run.sh` brings a PostgreSQL and runs them all.

mod access;
mod account;
mod airplane;
mod apikeys;
mod audit;
mod blobs;
mod buckets;
mod canary;
mod cli;
mod clients;
mod doctor;
mod durability;
mod edge;
mod evidence;
mod jobs;
mod main_job;
mod manifest;
mod migrations;
mod openapi;
mod operations;
mod people;
mod photos;
mod plans;
mod reach;
mod receipts;
mod rehearsals;
mod reports;
mod results;
mod review;
mod scorecards;
mod sessions;
mod setup;
mod sight;
mod support;
mod sync;
mod throttling;
mod uploads;
mod visits;
