#![no_main]

peegel_scoring_fuzz::fuzzer!(decimal);
