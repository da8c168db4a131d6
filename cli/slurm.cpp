// limen slurm: prints a batch script that calibrates the nodes of a Slurm cluster and their
// network. It submits nothing.
#include <algorithm>
#include <cctype>
#include <cmath>
#include <filesystem>
#include <memory>
#include <optional>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "cli/commands.hpp"
#include "cli/duration.hpp"
#include "revision.hpp"

namespace limen::cli {
namespace {

struct Arguments {
  int nodes = 1, gpus = 0, array = 0;
  std::optional<int> ranks_per_node;
  bool quick = false, json = false;
  std::string time, grace = "2min", budget, partition, account, limen;
};

// The steps. What differs between scripts stands in variables before it.
constexpr const char* body = R"script(
stopped= failed= step= launcher=
# limen, when told to end, writes what it has and marks the rest. (srun itself would kill it instead.)
stop() {
  stopped=yes
  case "$launcher" in
    srun | neighbours) scancel --signal=TERM "$SLURM_JOB_ID" ;;
    mpirun) kill -TERM "$step" ;;
  esac
}
trap stop TERM INT
run() {
  launcher=$1
  [ -z "$stopped" ] || return 1
  "$@" &
  step=$!
  wait "$step"
  local code=$?
  while kill -0 "$step" 2>/dev/null; do wait "$step"; code=$?; done
  launcher=
  [ "$code" = 0 ] || { failed=yes; echo "limen: exit code $code of: $*" >&2; }
}
here() { if [ -e "$1/run.json" ]; then echo --resume; else echo --output; fi; }
mkdir -p "$results/nodes" || exit 1

# 1. Every node, each into a folder of its own; limen itself binds its threads.
run srun --mpi=none --nodes="$SLURM_JOB_NUM_NODES" --ntasks="$SLURM_JOB_NUM_NODES" --ntasks-per-node=1 \
  --cpu-bind=none --kill-on-bad-exit=0 "$limen" probe --per-host --resume "$results/nodes" "${options[@]}"

# 2. Collectives over 2, 4, 8 ... ranks: growing sets of nodes. Other nodes are another network. With GPUs each rank has
# one, and they exchange their memory, too.
network=$results/network-$(printf '%s' "$SLURM_JOB_NODELIST" | cksum | cut -d ' ' -f 1)
ranks=$((SLURM_JOB_NUM_NODES * ranks_per_node))
hosts=($(scontrol show hostnames "$SLURM_JOB_NODELIST"))
pmix=$(srun --mpi=list 2>&1 | grep -w pmix)
if [ "$ranks" -gt 1 ]; then
  if [ -n "$pmix" ]; then
    launch=(srun --mpi=pmix --nodes="$SLURM_JOB_NUM_NODES" --ntasks="$ranks" --ntasks-per-node="$ranks_per_node"
      --distribution=block --cpu-bind=cores --kill-on-bad-exit=1)
  else # ranks that srun starts without PMIx cannot find each other
    launch=(mpirun -np "$ranks" --map-by "ppr:$ranks_per_node:node" --bind-to core)
  fi
  run "${launch[@]}" "$limen" probe "$(here "$network")" "$network" "${options[@]}"
fi

# Neighbours two by two, many pairs at a time: a node that is slow with both of its own is told from its partners.
neighbours() { # FIRST...: the places of the first hosts
  local i pair folder
  for i in "$@"; do
    pair=${hosts[i]},${hosts[(i + 1) % ${#hosts[@]}]} folder=$results/pairs/$i-${hosts[i]}
    srun --mpi=pmix --nodes=2 --nodelist="$pair" --ntasks=2 --ntasks-per-node=1 --cpu-bind=cores --kill-on-bad-exit=1 \
      "$limen" probe mpi.allreduce "$(here "$folder")" "$folder" --quick --budget 3s >/dev/null &
  done
  wait
}
in_lots() { while [ $# -gt 0 ]; do run neighbours "${@:1:64}"; shift $(($# < 64 ? $# : 64)); done; }
measured=("$results/nodes")
if [ "${#hosts[@]}" -ge 5 ] && [ -n "$pmix" ]; then
  mkdir -p "$results/pairs"
  measured+=("$results/pairs")
  in_lots $(seq 0 2 $((${#hosts[@]} - 2)))
  in_lots $(seq 1 2 $((${#hosts[@]} - 1))) # of an even number the last one, too, whose neighbour is the first
  [ $((${#hosts[@]} % 2)) = 0 ] || in_lots $((${#hosts[@]} - 1))
fi

# 3. What is missing of these nodes, if anything; then calibration and report of what is there, even if that is not all.
missing=$results/missing.$SLURM_JOB_ID runs=()
for host in "${hosts[@]}"; do
  for folder in "$results/nodes/$host" "$results/nodes/$host".*; do
    if [ -e "$folder/run.json" ]; then runs+=("$folder"); continue 2; fi
  done
  echo "$host was not measured"
done >"$missing"
if [ "$ranks" -gt 1 ]; then
  if [ -e "$network/run.json" ]; then runs+=("$network"); else echo "the network was not measured" >>"$missing"; fi
fi
for folder in "${runs[@]}"; do
  ! grep -qE '"interrupted": true|"finished": ""' "$folder/run.json" || echo "$folder was interrupted" >>"$missing"
done
if [ -s "$missing" ]; then
  failed=yes
  sed 's/^/limen: /' "$missing" >&2
  echo "limen: go on with: sbatch THIS_SCRIPT $results" >&2
else
  rm -f "$missing"
fi
)script";

constexpr const char* report_of_all =
    R"script(for folder in "$results"/nodes/*/; do runs+=("${folder%/}"); done # of earlier jobs, too
readarray -t runs < <(printf '%s\n' "${runs[@]}" | sort -u)
name=${SLURM_CLUSTER_NAME:-cluster}
{
  "$limen" calibrate "${runs[@]}" --name "$name" -o "$results/machine.toml" &&
    "$limen" predict --machine "$results/machine.toml" --model llama-3.1-8b,llama-3.1-70b --weights int8 --tp auto
} >"$results/report.txt" || failed=yes
"$limen" fleet "${measured[@]}" >>"$results/report.txt" || failed=yes # the nodes that stand out
"$limen" fleet "${measured[@]}" --json >"$results/fleet.json"
"$limen" report "${runs[@]}" --calibrated "$results/machine.toml" --fleet "$results/fleet.json" -o "$results/report.html" ||
  failed=yes
cat "$results/report.txt"
[ -z "$failed" ]
)script";

constexpr const char* report_of_one =
    R"script(# Of all nodes, once the array has ended: limen report "$results"/nodes/* -o "$results/report.html"
for folder in "${runs[@]}"; do
  "$limen" calibrate "$folder" -o "$folder/machine.toml" >"$folder/report.txt" || failed=yes
  "$limen" report "$folder" --calibrated "$folder/machine.toml" -o "$folder/report.html" || failed=yes
done
[ -z "$failed" ]
)script";

// In single quotes for the shell.
std::string quoted(const std::string& text) {
  std::string out = "'";
  for (const char c : text) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return out + "'";
}

// Slurm takes it as the rest of a comment line, so that nothing in it may end the word.
void check_word(const char* option, const std::string& word) {
  const auto plain = [](unsigned char c) {
    return std::isalnum(c) != 0 ||
           std::string("_-.,:@+").find(static_cast<char>(c)) != std::string::npos;
  };
  if (!std::all_of(word.begin(), word.end(), plain))
    throw Error(fmt::format("{} takes letters, digits and _-.,:@+ only, not '{}'", option, word));
}

void check_count(const char* option, int value, int least) {
  if (value < least)
    throw Error(fmt::format("{} must be at least {}, not {}", option, least, value));
}

std::string script(const Arguments& a) {
  const int ranks_per_node = a.ranks_per_node.value_or(std::max(1, a.gpus));
  check_count("--nodes", a.nodes, 1);
  check_count("--gpus", a.gpus, 0);
  check_count("--array", a.array, 0);
  check_count("--ranks-per-node", ranks_per_node, 1);
  check_word("--partition", a.partition);
  check_word("--account", a.account);
  const double grace = std::ceil(positive_seconds("--grace", a.grace));
  const double limit = std::ceil(positive_seconds("--time", !a.time.empty() ? a.time
                                                            : a.quick       ? "15min"
                                                                            : "1h") /
                                 60);
  if (!(limit < 60 * 24 * 365) || !(grace <= 65535) || !(limit * 60 > 2 * grace))
    throw Error(
        fmt::format("--time {}: must be more than twice --grace ({}), in minutes, and less "
                    "than a year",
                    a.time, a.grace));
  if (!a.budget.empty()) positive_seconds("--budget", a.budget);
  if (a.array > 0 && a.nodes > 1)
    throw Error("--array measures nodes one by one: leave --nodes out, or the array");
  const std::string limen =
      a.limen.empty() ? std::filesystem::read_symlink("/proc/self/exe").string() : a.limen;

  std::string out = fmt::format(
      "#!/bin/bash\n# Written by limen {}. Submit it with: sbatch THIS_SCRIPT [FOLDER]\n"
      "# FOLDER is seen by all nodes. With that of a job that was stopped it goes on; so does a "
      "job "
      "that is requeued.\n",
      revision::version);
  const auto directive = [&out](const std::string& text) { out += "#SBATCH --" + text + "\n"; };
  directive("job-name=limen");
  directive(fmt::format("nodes={}", a.nodes));
  directive(fmt::format("ntasks-per-node={}", ranks_per_node));
  directive("exclusive");
  directive("mem=0");
  if (a.gpus > 0) directive(fmt::format("gpus-per-node={}", a.gpus));
  if (a.array > 0) directive(fmt::format("array=0-{}", a.array - 1));
  if (!a.partition.empty()) directive("partition=" + a.partition);
  if (!a.account.empty()) directive("account=" + a.account);
  directive(fmt::format("time={:.0f}", limit));
  directive(fmt::format("signal=B:TERM@{:.0f}", grace));
  directive("requeue");
  directive("open-mode=append");
  directive(a.array > 0 ? "output=limen-%A_%a.log" : "output=limen-%j.log");
  out += fmt::format("results=${{1:-$PWD/limen-${}}}\n",
                     a.array > 0 ? "SLURM_ARRAY_JOB_ID" : "SLURM_JOB_ID");
  out += fmt::format("limen={}\nranks_per_node={}\noptions=({}{})\n", quoted(limen), ranks_per_node,
                     a.quick ? "--quick" : "",
                     a.budget.empty() ? "" : " --budget " + quoted(a.budget));
  return out + body + (a.array > 0 ? report_of_one : report_of_all);
}

}  // namespace

void add_slurm(CLI::App& app, Exit& code) {
  auto a = std::make_shared<Arguments>();
  auto* sub = app.add_subcommand(
      "slurm", "Print a batch script that calibrates nodes of a Slurm cluster (submits nothing)");
  sub->add_option("--nodes", a->nodes, "Nodes of the job")->capture_default_str();
  sub->add_option("--ranks-per-node", a->ranks_per_node,
                  "Ranks a node in the collectives (default: one for each GPU, or one)");
  sub->add_option("--gpus", a->gpus, "GPUs a node (default: none)");
  sub->add_option("--array", a->array,
                  "A job array instead, of so many single nodes; a node that gets two of them is "
                  "measured once");
  sub->add_option("--time", a->time, "Time limit (default: 15min quick, 1h full)");
  sub->add_option("--grace", a->grace, "So long before the limit limen is told to end")
      ->capture_default_str();
  sub->add_option("--partition", a->partition, "Slurm's partition");
  sub->add_option("--account", a->account, "Slurm's account");
  sub->add_flag("--quick", a->quick, "Measure quickly, under a minute a node");
  sub->add_option("--budget", a->budget, "Time for the CPU probes of a node, such as 5min");
  sub->add_option("--limen", a->limen, "limen on the nodes (default: this executable)");
  sub->add_flag("--json", a->json, "The script as a JSON string");
  sub->callback([a, &code] {
    const std::string text = script(*a);
    fmt::print("{}", a->json ? nlohmann::json{{"script", text}}.dump(1) + "\n" : text);
    code = Exit::ok;
  });
}

}  // namespace limen::cli
