#include "results/records.hpp"

#include <cmath>

#include <fmt/format.h>

#include "model/error.hpp"
#include "results/fields.hpp"
#include "results/quick_record.hpp"
#include "results/store.hpp"
#include "results/text.hpp"

namespace limen::results {

using nlohmann::json;

namespace {

// The allow-list: f(key, field) for everything that run.json says about where a run comes from.
template <class P, class F>
void for_each_fact(P& p, F&& f) {
  f("version", p.version), f("git_sha", p.git_sha), f("git_dirty", p.git_dirty);
  f("compiler", p.compiler), f("flags", p.flags), f("build_type", p.build_type);
  f("simd_target", p.simd_target), f("arguments", p.arguments);
  f("host", p.host), f("os", p.os), f("kernel", p.kernel), f("cpu_model", p.cpu_model);
  f("microcode", p.microcode), f("governor", p.governor), f("turbo", p.turbo), f("smt", p.smt);
  f("transparent_huge_pages", p.transparent_huge_pages), f("numa_balancing", p.numa_balancing);
  f("hypervisor", p.hypervisor), f("memory_bytes", p.memory_bytes);
  f("memory_limit_bytes", p.memory_limit_bytes), f("cpu_limit", p.cpu_limit);
  f("processing_units", p.processing_units);
  f("topology_file", p.topology_file), f("topology_hash", p.topology_hash);
  f("load_before", p.load_before), f("load_after", p.load_after);
  f("steal_seconds_before", p.steal_seconds_before),
      f("steal_seconds_after", p.steal_seconds_after);
  f("gpu_driver", p.gpu_driver), f("gpu_model", p.gpu_model), f("gpus", p.gpus);
  f("gpu_memory_bytes", p.gpu_memory_bytes), f("gpu_notes", p.gpu_notes);
  f("gpu_emulated", p.gpu_emulated);
  f("mpi_library", p.mpi_library), f("launcher", p.launcher), f("ranks", p.ranks),
      f("hosts", p.hosts), f("node_hosts", p.node_hosts), f("seed", p.seed);
  f("started", p.started), f("finished", p.finished), f("interrupted", p.interrupted);
  f("probes", p.probes), f("plan", p.plan), f("resumed", p.resumed);
}

json json_of(const Imported& i) {
  return {{"file", i.file},
          {"hash", i.hash},
          {"tool", i.tool},
          {"version", i.version},
          {"device", i.device}};
}

Imported read_imported(const json& value, const std::string& file) {
  Fields fields(value, file);
  Imported i;
  fields.convert(fields.need("file"), "file", i.file);
  fields.convert(fields.need("hash"), "hash", i.hash);
  fields.convert(fields.need("tool"), "tool", i.tool);
  fields.read("version", i.version), fields.read("device", i.device);
  fields.end();
  return i;
}

// nlohmann writes a number that is not finite as null, and the reader would then refuse the file.
double finite(double value, const char* what) {
  if (!std::isfinite(value))
    throw Error(fmt::format("{} is {}: refused, not stored", what, value), Exit::failed);
  return value;
}

std::string text_of(const json& value, int indent) {
  return value.dump(indent, ' ', false,
                    json::error_handler_t::replace);  // file names need not be UTF-8
}

json json_of(const Parameters& parameters) {
  json object = json::object();
  for (const auto& [key, value] : parameters)
    std::visit([&object, &name = key](const auto& v) { object[name] = v; }, value);
  return object;
}

json json_of(const Visit& visit) {
  for (double s : visit.seconds)
    if (!(finite(s, "a sample") > 0))
      throw Error(fmt::format("a sample of {} s: refused, not stored", s), Exit::failed);
  json object{{"at", finite(visit.at, "the time of a visit")},
              {"inner", visit.inner},
              {"seconds", visit.seconds}};
  if (visit.joules != 0) object["joules"] = finite(visit.joules, "the energy of a visit");
  if (visit.marks.empty()) return object;
  if (visit.marks.size() != visit.seconds.size())
    throw Error("a visit with more or fewer marks than samples", Exit::failed);
  // Marks are rare: by name, the indexes of the samples that have it.
  json marks = json::object();
  for (std::size_t i = 0; i < visit.marks.size(); ++i)
    for (const std::string& name : names_of(visit.marks[i])) marks[name].push_back(i);
  object["marks"] = marks;
  return object;
}

Visit read_visit(const json& value, const std::string& where) {
  Fields fields(value, where);
  Visit visit;
  fields.convert(fields.need("at"), "at", visit.at);
  fields.convert(fields.need("inner"), "inner", visit.inner);
  fields.convert(fields.need("seconds"), "seconds", visit.seconds);
  for (double s : visit.seconds)
    if (!(s > 0)) fields.fail(fmt::format("a sample of {} s", s));
  fields.read("joules", visit.joules);
  if (const json* marks = fields.find("marks")) {
    visit.marks.assign(visit.seconds.size(), 0);
    Fields by_name(*marks, where);
    for (const MarkName& mark : mark_names) {
      std::vector<std::uint64_t> at;
      by_name.read(mark.name, at);
      for (std::uint64_t i : at) {
        if (i >= visit.marks.size()) fields.fail("a mark on a sample that is not there");
        visit.marks[i] |= mark.mark;
      }
    }
    by_name.end();
  }
  fields.end();
  return visit;
}

json json_of(const Outcome& outcome) {
  if (const auto* skipped = std::get_if<Skipped>(&outcome)) return {{"skipped", skipped->reason}};
  if (const auto* invalid = std::get_if<Invalid>(&outcome)) return {{"invalid", invalid->reason}};
  return {{"stop", std::get<Samples>(outcome).stop}};
}

Outcome read_verdict(const json& value, const std::string& where) {
  Fields fields(value, where);
  if (value.size() != 1) fields.fail("a verdict is one of 'stop', 'skipped' and 'invalid'");
  Samples samples;
  Skipped skipped;
  Invalid invalid;
  fields.read("stop", samples.stop);
  fields.read("skipped", skipped.reason);
  fields.read("invalid", invalid.reason);
  fields.end();
  if (value.contains("skipped")) return skipped;
  if (value.contains("invalid")) return invalid;
  return samples;
}

model::Work read_work(const json& value, const std::string& where) {
  Fields fields(value, where);
  double read = 0, written = 0, flops = 0;
  fields.read("read", read);
  fields.read("written", written);
  fields.read("flops", flops);
  fields.end();
  return {model::bytes(read), model::bytes(written), model::flops(flops)};
}

Parameters read_parameters(const json& value, const std::string& where) {
  const Fields object(value, where);
  Parameters parameters;
  for (const auto& [key, entry] : value.items()) {
    if (entry.is_string()) {
      parameters[key] = entry.get<std::string>();
    } else {
      std::int64_t number = 0;
      object.convert(entry, key, number);
      parameters[key] = number;
    }
  }
  return parameters;
}

}  // namespace

std::string run_record(const Provenance& provenance) {
  json facts = json::object();
  for_each_fact(provenance, [&](const char* key, const auto& value) { facts[key] = value; });
  for (const Imported& i : provenance.imported) facts["imported"].push_back(json_of(i));
  return text_of({{"schema", schema_version}, {"provenance", facts}}, 1) + "\n";
}

Provenance read_run_record(const std::string& text, const std::string& file) {
  const json root = parse_json(text, file, 1);
  Fields fields(root, file);
  int schema = 0;
  fields.convert(fields.need("schema"), "schema", schema);
  if (schema != schema_version)
    fields.fail(fmt::format(
        "schema version {}, but this limen reads version {}: use the limen that wrote it", schema,
        schema_version));
  Fields facts(fields.need("provenance"), file);
  Provenance provenance;
  for_each_fact(provenance, [&](const char* key, auto& value) { facts.read(key, value); });
  if (const json* imported = facts.find("imported")) {
    if (!imported->is_array()) facts.fail("'imported' is no array");
    for (const json& i : *imported) provenance.imported.push_back(read_imported(i, file));
  }
  facts.end();
  fields.end();
  return provenance;
}

std::string record_line(const Record& record) {
  const Measurement& m = record.about;
  json line{{"probe", m.probe},
            {"parameters", json_of(m.parameters)},
            {"work",
             {{"read", finite(m.work.read.in(model::bytes), "work read")},
              {"written", finite(m.work.written.in(model::bytes), "work written")},
              {"flops", finite(m.work.flops.in(model::flops), "work in flops")}}}};
  if (record.visit) {
    line["visit"] = json_of(*record.visit);
  } else {
    line["verdict"] = json_of(m.outcome);
  }
  return text_of(line, -1);
}

Record read_record(const std::string& text, const std::string& file, std::size_t line) {
  if (auto quick = quick_record(text)) return std::move(*quick);
  const json root = parse_json(text, file, line);
  const std::string where = fmt::format("{}:{}", file, line);
  Fields fields(root, where);
  Record record;
  Measurement& m = record.about;
  fields.convert(fields.need("probe"), "probe", m.probe);
  m.parameters = read_parameters(fields.need("parameters"), where);
  m.work = read_work(fields.need("work"), where);
  const json* visit = fields.find("visit");
  const json* verdict = fields.find("verdict");
  fields.end();
  if ((visit == nullptr) == (verdict == nullptr)) fields.fail("needs one of 'visit' and 'verdict'");
  if (visit) {
    record.visit = read_visit(*visit, where);
  } else {
    m.outcome = read_verdict(*verdict, where);
  }
  return record;
}

}  // namespace limen::results
