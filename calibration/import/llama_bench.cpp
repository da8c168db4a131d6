// llama-bench, -o json, jsonl, csv and md. Times are in ns a repetition, rates in tokens/s; the
// model's size is in bytes, or in GiB or MiB of 2^30 or 2^20 in Markdown, its parameters in B or M
// of 1e9 or 1e6. JSON has the repetitions; CSV and Markdown their mean.
//
// Text generation (tg) is the case engine.decode: seconds of one token of one user, behind a
// context of `context` tokens and those that the repetition itself generated. Prompt processing
// (pp) is engine.prefill: seconds of the whole prompt. Both together are
// llama-bench.prompt_and_decode.
#include <cctype>
#include <cmath>

#include <fmt/format.h>

#include "calibration/import/formats.hpp"
#include "calibration/import/json.hpp"

namespace limen::calibration::importing {

namespace {

// Settings that change the time, kept as parameters: the field in JSON and CSV, the heading in
// Markdown, our name.
struct Setting {
  const char *field, *heading, *ours;
};
constexpr Setting settings[] = {{"backends", "backend", "backend"},
                                {"n_threads", "threads", "threads"},
                                {"n_gpu_layers", "ngl", "gpu_layers"},
                                {"n_cpu_moe", "n_cpu_moe", "cpu_moe"},
                                {"n_batch", "n_batch", "n_batch"},
                                {"n_ubatch", "n_ubatch", "n_ubatch"},
                                {"type_k", "type_k", "type_k"},
                                {"type_v", "type_v", "type_v"},
                                {"split_mode", "sm", "split_mode"},
                                {"flash_attn", "fa", "flash_attention"},
                                {"no_kv_offload", "nkvo", "no_kv_offload"}};

// What every form says of one test.
struct Test {
  std::string model, file;
  std::int64_t model_bytes = 0, model_parameters = 0;
  std::int64_t prompt = 0, generated = 0, depth = 0;
  results::Parameters settings;
  std::vector<double> seconds;  // of one repetition
  Place place;
};

results::ParameterValue value_of(const std::string& text) {
  const bool whole =
      !text.empty() && text.size() <= 18 &&
      text.find_first_not_of("0123456789", text[0] == '-' && text.size() > 1) == std::string::npos;
  if (whole) return static_cast<std::int64_t>(std::stoll(text));
  return text;
}

void collect(Test test, Collector& into) {
  if (test.prompt + test.generated <= 0) test.place.fail("a test of neither prompt nor generation");
  About about{"", std::move(test.settings), {}};
  auto& p = about.parameters;
  p["engine"] = std::string("llama.cpp");
  p["model"] = test.model;
  if (!test.file.empty()) p["file"] = test.file.substr(test.file.find_last_of("/\\") + 1);
  p["model_bytes"] = test.model_bytes;
  p["model_parameters"] = test.model_parameters;
  p["batch"] = std::int64_t{1};
  p["context"] = test.depth;
  std::int64_t inner = 1;
  if (test.generated > 0 && test.prompt > 0) {
    about.probe = "llama-bench.prompt_and_decode";
    p["prompt"] = test.prompt;
    p["tokens"] = test.generated;
  } else if (test.generated > 0) {
    about.probe = "engine.decode";
    p["tokens"] = inner = test.generated;
    for (double& s : test.seconds) s /= static_cast<double>(test.generated);
  } else {
    about.probe = "engine.prefill";
    p["tokens"] = test.prompt;
  }
  into.add(about, test.seconds, inner, test.place);
}

void identify(const std::string& cpu, const std::string& gpu, const std::string& commit,
              const std::string& number, const std::string& time, Collector& into) {
  into.cpu_model = cpu;
  if (!gpu.empty()) into.device = gpu;
  into.version = fmt::format("build {} ({})", commit, number);
  if (into.started.empty()) into.started = time;
}

void read_object(const Json& test, Collector& into) {
  identify(test.need("cpu_info").text(), test.need("gpu_info").text(),
           test.need("build_commit").text(), std::to_string(test.need("build_number").integer()),
           test.need("test_time").text(), into);
  Test t;
  t.place = test.place();
  t.model = test.need("model_type").text();
  t.file = test.need("model_filename").text();
  t.model_bytes = test.need("model_size").integer();
  t.model_parameters = test.need("model_n_params").integer();
  t.prompt = test.need("n_prompt").integer();
  t.generated = test.need("n_gen").integer();
  if (const auto depth = test.find("n_depth")) t.depth = depth->integer();
  for (const Setting& s : settings)
    if (const auto value = test.find(s.field)) t.settings[s.ours] = value_of(value->written());
  for (const Json& sample : test.need("samples_ns").items()) {
    t.seconds.push_back(sample.number() / 1e9);
    check_time(t.seconds.back(), "repetition", sample.place());
  }
  if (t.seconds.empty()) test.need("samples_ns").fail("no repetition");
  collect(std::move(t), into);
}

void read_csv(const Source& source, const std::vector<Line>& lines, Collector& into) {
  std::vector<Cell> headings;
  for (const Line& line : lines) {
    if (trimmed(line.text).empty()) continue;
    const std::vector<Cell> cells = cells_of(source, line, ',');
    if (headings.empty()) {
      if (cells[0].text == "build_commit") headings = cells;
      continue;
    }
    if (cells.size() != headings.size())
      cells[0].place.fail(fmt::format("{} cells under {} headings; is the line cut off?",
                                      cells.size(), headings.size()));
    const auto find = [&](const std::string& name) -> const Cell* {
      for (std::size_t i = 0; i < headings.size(); ++i)
        if (headings[i].text == name) return &cells[i];
      return nullptr;
    };
    const auto need = [&](const std::string& name) -> const Cell& {
      if (const Cell* cell = find(name)) return *cell;
      headings[0].place.fail(fmt::format("no column '{}'", name));
    };
    identify(need("cpu_info").text, need("gpu_info").text, need("build_commit").text,
             need("build_number").text, need("test_time").text, into);
    Test t;
    t.place = need("avg_ns").place;
    t.model = need("model_type").text;
    t.file = need("model_filename").text;
    t.model_bytes = need("model_size").integer();
    t.model_parameters = need("model_n_params").integer();
    t.prompt = need("n_prompt").integer();
    t.generated = need("n_gen").integer();
    if (const Cell* depth = find("n_depth")) t.depth = depth->integer();
    for (const Setting& s : settings)
      if (const Cell* value = find(s.field)) t.settings[s.ours] = value_of(value->text);
    t.seconds = {need("avg_ns").number() / 1e9};
    collect(std::move(t), into);
  }
}

// "4.36 GiB", "7.62 B".
std::int64_t scaled(const Cell& cell) {
  const std::size_t blank = cell.text.find(' ');
  const std::string unit = blank == std::string::npos ? "" : cell.text.substr(blank + 1);
  const double factor = unit == "GiB"   ? 1073741824.0
                        : unit == "MiB" ? 1048576.0
                        : unit == "B"   ? 1e9
                        : unit == "M"   ? 1e6
                                        : 0;
  if (factor == 0) cell.place.fail("expected a size in GiB or MiB, or parameters in B or M");
  const double value = Cell{cell.text.substr(0, blank), cell.place}.number() * factor;
  if (value > 1e18) cell.place.fail("no model is that large");
  return std::llround(value);
}

// "tg128", "pp 512", "pp512+tg64", "tg128 @ d4096".
void read_test(const Cell& cell, Test& test) {
  std::string text;
  for (const char c : cell.text)
    if (c != ' ') text += c;
  const auto take = [&](const char* word) -> std::int64_t {
    if (text.rfind(word, 0) != 0) return 0;
    text.erase(0, std::string(word).size());
    std::size_t digits = 0;
    while (digits < text.size() && std::isdigit(static_cast<unsigned char>(text[digits])) != 0)
      ++digits;
    const std::int64_t n = Cell{text.substr(0, digits), cell.place}.integer();
    text.erase(0, digits);
    return n;
  };
  test.prompt = take("pp");
  test.generated = take(test.prompt > 0 ? "+tg" : "tg");
  test.depth = take("@d");
  if (!text.empty() || test.prompt + test.generated == 0)
    cell.place.fail(fmt::format("no test of llama-bench: '{}'", cell.text));
}

void read_markdown(const Source& source, const std::vector<Line>& lines, Collector& into) {
  std::vector<Cell> headings;
  for (const Line& line : lines) {
    if (line.text.rfind("build:", 0) == 0) into.version = trimmed(line.text);
    if (line.text.empty() || line.text[0] != '|') continue;  // what it logs
    std::vector<Cell> cells = cells_of(source, line, '|');
    cells.erase(cells.begin());
    if (!cells.empty() && cells.back().text.empty()) cells.pop_back();
    if (headings.empty()) {
      headings = cells;
      continue;
    }
    if (cells.size() != headings.size())
      source.at(line.number)
          .fail(fmt::format("{} cells under {} headings; is the line cut off?", cells.size(),
                            headings.size()));
    if (cells[0].text.rfind("--", 0) == 0) continue;
    Test t;
    double rate = 0;
    for (std::size_t i = 0; i < cells.size(); ++i) {
      const std::string& heading = headings[i].text;
      if (heading == "model") t.model = cells[i].text;
      if (heading == "size") t.model_bytes = scaled(cells[i]);
      if (heading == "params") t.model_parameters = scaled(cells[i]);
      if (heading == "test") read_test(cells[i], t);
      for (const Setting& s : settings)
        if (heading == s.heading) t.settings[s.ours] = value_of(cells[i].text);
      if (heading != "t/s") continue;
      t.place = cells[i].place;  // "131.42 ± 0.59"
      rate = Cell{cells[i].text.substr(0, cells[i].text.find(' ')), t.place}.number();
      if (rate == 0) t.place.fail("0 tokens/s is no figure that was measured");
    }
    if (rate == 0) source.at(line.number).fail("the table has no column t/s");
    t.seconds = {static_cast<double>(t.prompt + t.generated) / rate};
    collect(std::move(t), into);
  }
}

bool recognises(const Source& source) {
  return (source.contains("\"model_filename\"") && source.contains("\"n_gen\"")) ||
         source.contains("build_commit,build_number,") ||
         (source.contains("t/s |") && source.contains("| model"));
}

void read(const Source& source, const Unsaid&, Collector& into) {
  const std::size_t first = source.text.find_first_not_of(" \t\r\n");
  if (source.text[first] == '[') {
    for (const Json& test : Json::parse(source, source.text).items()) read_object(test, into);
  } else if (source.text[first] == '{') {
    for (const Line& line : lines_of(source))
      if (!trimmed(line.text).empty())
        read_object(Json::parse(source, line.text, line.number), into);
  } else {
    const std::vector<Line> lines = lines_of(source);
    (source.contains("build_commit,build_number,") ? read_csv : read_markdown)(source, lines, into);
  }
  if (into.empty()) source.at(0).fail("holds no test; was the run cut off?");
}

}  // namespace

const Format llama_bench{"llama-bench", "ns, tokens/s, GiB of 2^30 bytes", recognises, read};

}  // namespace limen::calibration::importing
