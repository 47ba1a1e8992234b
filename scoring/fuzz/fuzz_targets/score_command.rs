#![no_main]

peegel_scoring_fuzz::fuzzer!(score_command);
