// The manual page: what --help says of every subcommand, and what a user of the page looks for
// around it.
#include <fmt/format.h>

#include "cli/command_tree.hpp"
#include "revision.hpp"

namespace limen::cli {

namespace {

// Text in which nothing means anything to troff.
std::string escaped(const std::string& text) {
  std::string out;
  for (const char c : text) {
    if (c == '\\') {
      out += "\\e";
    } else if (c == '-') {
      out += "\\-";
    } else if (c == '\n') {
      out += "\n.br\n";
    } else if (c == '\'') {
      out += "\\(aq";
    } else {
      out += c;
    }
  }
  return out.empty() || out[0] != '.' ? out : "\\&" + out;
}

// "\fB-o\fR, \fB--output\fR \fIvalue\fR"
std::string heading(const OptionText& o) {
  if (o.names.empty()) return "\\fI" + escaped(o.place) + "\\fR" + (o.many ? " ..." : "");
  std::string text;
  for (const std::string& name : o.names)
    text += (text.empty() ? "\\fB" : ", \\fB") + escaped(name) + "\\fR";
  return text + (o.takes_value ? " \\fIvalue\\fR" : "") + (o.takes_value && o.many ? " ..." : "");
}

std::string items(const std::vector<OptionText>& options) {
  std::string out;
  for (const OptionText& o : options)
    out += ".TP\n" + heading(o) + "\n" + escaped(o.description) +
           (o.required ? " (required)" : "") + "\n";
  return out;
}

// `parent` stands before the name: "plot ".
std::string sections(const std::vector<CommandText>& commands, const std::string& parent = "") {
  std::string out;
  for (const CommandText& c : commands)
    out += ".SS " + escaped(parent + c.name) + "\n" + escaped(c.description) + "\n" +
           items(c.options) + sections(c.commands, parent + c.name + " ");
  return out;
}

constexpr const char* ending = R"(.SH EXIT STATUS
.TP
0
all went well
.TP
1
a measurement or a check failed
.TP
2
usage, or bad input
.TP
3
the environment is unfit (where \fB\-\-strict\fR asks)
.TP
77
nothing to run
.SH ENVIRONMENT
.TP
NO_COLOR
Set to anything: no colours on a terminal.
.SH EXAMPLES
.EX
limen run \-\-quick
limen predict \-\-model llama\-3.1\-8b \-\-machine machine.toml \-\-context 4k
limen fleet results/ \-\-against last\-month.json
.EE
.SH SEE ALSO
.BR mpirun (1),
.BR numactl (8)
)";

}  // namespace

std::string manual_page(const CommandText& limen, const std::string& date) {
  const std::string head = fmt::format(
      ".TH LIMEN 1 {} \"limen {}\"\n.SH NAME\nlimen \\- {}\n.SH SYNOPSIS\n.B limen\n.I command\n"
      "[\\fIoption\\fR ...]\n.SH DESCRIPTION\nProbes measure memory bandwidth, arithmetic and the "
      "exchange between ranks; a fit turns them into the parameters of a model; the model says "
      "which limit binds when a large language model is decoded, and how far the next one is. Data "
      "go to standard output, all talk to standard error.\n.SH OPTIONS\n{}.SH COMMANDS\n",
      date, escaped(revision::version),
      "measures the limits of a machine and predicts LLM decoding", items(limen.options));
  return head + sections(limen.commands) + ending;
}

}  // namespace limen::cli
