// Watches over a job that may hang: ends it and says which rank it waited for, and on which host.
//
// A rank that stands still cannot say so, and the others stand in a collective and cannot ask. So
// every rank has a thread that looks once a second whether its rank has got on. One that has not
// for half of the patience tells rank 0 how far it came, by datagram: nothing is sent while all is
// well. When rank 0 itself has not got on for the whole patience, it names those that said nothing,
// or came less far, and leaves with Exit::failed, whereupon the launcher ends the others; they
// leave by themselves if rank 0 does not answer them. Seconds are counted by ticks of the thread,
// so that a job that was stopped as a whole, and goes on, is not taken for one that hangs.
#pragma once

#include <netinet/in.h>

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "probes/mpi_world.hpp"

namespace limen::probes {

// How far this rank is: the number of the visit, and what it has begun and ended in it. Written by
// the thread that measures.
inline std::atomic<std::uint64_t> progress_of_rank{0};
inline constexpr std::uint64_t sits_out = std::uint64_t{1} << 63;  // the visit is of other ranks
inline void begin_visit(std::uint64_t number, bool takes_part) {
  progress_of_rank.store(number << 32 | (takes_part ? 0 : sits_out), std::memory_order_relaxed);
}
inline void get_on() {  // a plain increment, without the lock of fetch_add
  progress_of_rank.store(progress_of_rank.load(std::memory_order_relaxed) + 1,
                         std::memory_order_relaxed);
}

// What rank 0 knows of a rank when its patience is at an end.
struct Standing {
  std::string host;
  bool reachable = true;    // it was heard when the job began
  bool heard = false;       // it was heard since it should have been
  std::uint64_t count = 0;  // how far it is, if it was heard
};
// "rank 3 on node7 has stopped", for the ranks that the others wait for. `standing` has an entry a
// rank, the first being rank 0's own.
std::string who_hangs(const std::vector<Standing>& standing);

class Watch {
 public:
  // Collective. `last_words` is called at rank 0, by the thread, with a line that names the rank,
  // before the process ends.
  Watch(const MpiWorld& world, int patience_seconds,
        std::function<void(const std::string&)> last_words);
  ~Watch();
  Watch(const Watch&) = delete;
  Watch& operator=(const Watch&) = delete;

 private:
  void meet();
  void look();
  void listen();
  bool next_second();
  void send(const sockaddr_in& to, std::uint64_t count) const;
  [[noreturn]] void end(const std::string& why);

  int rank_, patience_;
  std::function<void(const std::string&)> last_words_;
  std::uint64_t token_ = 0;  // of this job
  int socket_ = -1;
  std::vector<sockaddr_in> root_;   // where rank 0 may be reached; later where it answered
  int unanswered_ = 0;              // seconds since rank 0 answered
  std::vector<Standing> standing_;  // at rank 0
  std::mutex mutex_;
  std::condition_variable wake_;
  bool over_ = false;
  std::thread thread_;
};

}  // namespace limen::probes
