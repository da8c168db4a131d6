// The subcommands, one file each: a function adds its options and help, and a callback that runs it
// and sets `code`. Errors are thrown as limen::Error and caught once, in main.cpp. stdout is data,
// stderr is talk.
#pragma once

#include <CLI/CLI.hpp>

#include "model/error.hpp"

namespace limen::cli {

void add_run(CLI::App& app, Exit& code);        // probe, calibrate, predict, report
void add_report(CLI::App& app, Exit& code);     // runs -> a page that answers what-ifs
void add_probe(CLI::App& app, Exit& code);      // measure
void add_list(CLI::App& app, Exit& code);       // runs in a folder
void add_show(CLI::App& app, Exit& code);       // one run
void add_compare(CLI::App& app, Exit& code);    // two runs
void add_export(CLI::App& app, Exit& code);     // a run in other formats
void add_import(CLI::App& app, Exit& code);     // other benchmarks' output -> a run
void add_fleet(CLI::App& app, Exit& code);      // many runs, node beside node
void add_calibrate(CLI::App& app, Exit& code);  // runs -> machine.toml
void add_predict(CLI::App& app, Exit& code);    // machine, model, workload -> limits
void add_serve(CLI::App& app, Exit& code);      // users and requests -> frontier
void add_plot(CLI::App& app, Exit& code);       // the same, drawn
void add_limits(CLI::App& app, Exit& code);     // what each resource buys
void add_sweep(CLI::App& app, Exit& code);      // a grid of cases
void add_findings(CLI::App& app, Exit& code);   // claims, computed
void add_cards(CLI::App& app, Exit& code);      // what is built in
void add_slurm(CLI::App& app, Exit& code);      // a batch script for a cluster
void add_reproduce(CLI::App& app, Exit& code);  // published figures, recomputed
void add_verify(CLI::App& app, Exit& code);     // a real decode against its prediction
void add_validate(CLI::App& app, Exit& code);   // predictions beside published measurements
void add_selfbench(CLI::App& app, Exit& code);  // limen's own kernels against references
void add_generate(CLI::App& app, Exit& code);   // manual page and completions, for packages

}  // namespace limen::cli
