#include "results/fleet/collect.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <atomic>
#include <exception>
#include <mutex>
#include <set>
#include <thread>
#include <tuple>

#include "model/error.hpp"

namespace limen::results::fleet {

namespace fs = std::filesystem;

namespace {

// Walks folders without recursion, so that neither depth nor a ring of links matters.
class Walk {
 public:
  explicit Walk(std::vector<Left>& left_out) : left_out_(left_out) {}

  void below(const fs::path& top) {
    open_.push_back(top);
    while (!open_.empty()) {
      const fs::path folder = std::move(open_.back());
      open_.pop_back();
      struct stat facts {};
      if (::stat(folder.c_str(), &facts) != 0 || !seen_.insert({facts.st_dev, facts.st_ino}).second)
        continue;
      look_at(folder);
    }
  }
  std::vector<fs::path> runs() && {
    std::sort(runs_.begin(), runs_.end());
    return std::move(runs_);
  }

 private:
  void look_at(const fs::path& folder) {
    std::error_code why;
    if (fs::exists(folder / "run.json", why)) {
      runs_.push_back(folder);
      return;
    }
    if (fs::exists(folder / "samples.jsonl", why)) {
      left_out_.push_back({folder.string(), "no run.json: cut off while it began; measure again"});
      return;
    }
    fs::directory_iterator entry(folder, why);
    for (; !why && entry != fs::directory_iterator(); entry.increment(why)) {
      std::error_code hidden;
      if (entry->is_directory(hidden)) open_.push_back(entry->path());
      if (hidden == std::errc::permission_denied)
        left_out_.push_back({entry->path().string(), "may not be looked at"});
    }
    if (why) left_out_.push_back({folder.string(), "cannot be read (" + why.message() + ")"});
  }

  std::vector<Left>& left_out_;
  std::vector<fs::path> open_, runs_;
  std::set<std::pair<dev_t, ino_t>> seen_;
};

}  // namespace

Collected collect(const std::vector<fs::path>& paths, unsigned threads) {
  Collected out;
  Walk walk(out.left_out);
  for (const fs::path& path : paths) {
    std::error_code why;
    if (!fs::is_directory(path, why))
      throw Error(path.string() + ": no such folder; name runs, or folders that hold them");
    walk.below(path);
  }
  const std::vector<fs::path> runs = std::move(walk).runs();

  FleetBuilder builder;
  std::mutex lock;
  std::atomic<std::size_t> next{0};
  std::exception_ptr failure;
  const auto work = [&] {
    for (std::size_t i = next++; i < runs.size(); i = next++) {
      try {
        NodeResult node = node_result(load_run(runs[i]));
        const std::lock_guard guard(lock);
        for (const std::string& warning : node.warnings) out.remarks.push_back({node.run, warning});
        if (!node.finished)
          out.remarks.push_back(
              {node.run,
               "is not finished: killed, interrupted or still running; what it holds is used"});
        builder.add(std::move(node));
        ++out.runs;
      } catch (const Error& e) {  // one bad run does not hide the others
        const std::lock_guard guard(lock);
        out.left_out.push_back({runs[i].string(), e.what()});
      } catch (...) {
        const std::lock_guard guard(lock);
        failure = std::current_exception();
      }
    }
  };
  if (threads == 0) threads = std::max(1u, std::thread::hardware_concurrency());
  std::vector<std::thread> team;
  for (unsigned t = 1; t < threads && t < runs.size(); ++t) team.emplace_back(work);
  work();
  for (std::thread& t : team) t.join();
  if (failure) std::rethrow_exception(failure);

  const auto by_path = [](const Left& a, const Left& b) {
    return std::tie(a.path, a.why) < std::tie(b.path, b.why);
  };
  std::sort(out.left_out.begin(), out.left_out.end(), by_path);
  std::sort(out.remarks.begin(), out.remarks.end(), by_path);
  out.fleet = builder.build();
  return out;
}

}  // namespace limen::results::fleet
