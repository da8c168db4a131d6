// A child process in its own process group, waited for with a time-out; signals to us are passed on
// to it.
#pragma once

#include <string>
#include <vector>

namespace limen::probes {

struct JobEnd {
  int code = 0;              // exit code, or 128 + the signal that ended it
  bool timed_out = false;    // and was killed
  bool interrupted = false;  // we got SIGINT or SIGTERM, and passed it on as SIGTERM
};

// Runs `arguments` (the first is looked up in PATH; no shell) with `environment` (NAME=value). Its
// standard output goes to our standard error, since our own carries data. Error if it cannot be
// started.
JobEnd run_job(const std::vector<std::string>& arguments,
               const std::vector<std::string>& environment, double timeout);

// The first of `names` in PATH, as a full path; empty if none is there.
std::string find_program(const std::vector<std::string>& names);

// As a person would type it.
std::string command_line(const std::vector<std::string>& arguments);

}  // namespace limen::probes
