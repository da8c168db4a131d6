// A libnccl.so.2 for emulated GPUs, of one process or of ranks that are processes of one host:
// collectives through shared memory, in the order of streams, also while a graph is captured. For
// tests alone; bf16.
//
// TEST_NCCL=wrong spoils an element at rank 1, =stop stops rank 1 in its tenth collective, =refuse
// lets rank 1 have no communicator.
#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

#include <bit>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

namespace {

constexpr std::size_t slot = std::size_t{8} << 20;  // of a rank, bytes

struct Id {
  char internal[128];
};

struct Comm {
  int rank = 0, ranks = 0, count = 0;
  pthread_barrier_t* meeting = nullptr;
  char* slots = nullptr;
  std::string fault;
  bool alone = true;  // a process for each rank; else one for all
};

struct Message {
  bool send;
  char* data;
  std::size_t bytes;
  int peer;
};
enum class Kind { reduce, gather, scatter, messages };
struct Call {
  Kind kind;
  const char* in = nullptr;
  char* out = nullptr;
  std::size_t count = 0;
  Comm* comm = nullptr;
  void* stream = nullptr;
  std::vector<Message> messages{};
};
std::vector<Call> group;

template <class Function>
Function* cuda(const char* name) {
  return reinterpret_cast<Function*>(dlsym(RTLD_DEFAULT, name));
}
// The host's address of memory of an emulated device.
char* real(const void* p) { return static_cast<char*>(cuda<void*(const void*)>("emu_real")(p)); }

float number(const char* from, std::size_t i) {
  std::uint16_t bits;
  std::memcpy(&bits, from + 2 * i, 2);
  return std::bit_cast<float>(std::uint32_t{bits} << 16);
}
void put(char* to, std::size_t i, float value) {  // sums of the tests are exact
  const auto bits = static_cast<std::uint16_t>(std::bit_cast<std::uint32_t>(value) >> 16);
  std::memcpy(to + 2 * i, &bits, 2);
}

char* slot_of(const Comm& c, int rank) { return c.slots + std::size_t(rank) * slot; }

void put_in(const Call& call) {
  Comm& c = *call.comm;
  char* mine = slot_of(c, c.rank);
  const std::size_t in =
      call.kind == Kind::scatter ? call.count * std::size_t(c.ranks) : call.count;
  if (call.in != nullptr) std::memcpy(mine, real(call.in), 2 * in);
  for (const Message& m : call.messages)
    if (m.send) std::memcpy(mine + std::size_t(m.peer) * m.bytes, real(m.data), m.bytes);
}

void take_out(const Call& call) {
  const Comm& c = *call.comm;
  char* out = call.out == nullptr ? nullptr : real(call.out);
  const std::size_t first = call.kind == Kind::scatter ? std::size_t(c.rank) * call.count : 0;
  if (call.kind == Kind::reduce || call.kind == Kind::scatter) {
    for (std::size_t i = 0; i < call.count; ++i) {
      float sum = 0;
      for (int r = 0; r < c.ranks; ++r) sum += number(slot_of(c, r), first + i);
      put(out, i, sum);
    }
  }
  if (call.kind == Kind::gather)
    for (int r = 0; r < c.ranks; ++r)
      std::memcpy(out + 2 * call.count * std::size_t(r), slot_of(c, r), 2 * call.count);
  for (const Message& m : call.messages)
    if (!m.send)
      std::memcpy(real(m.data), slot_of(c, m.peer) + std::size_t(c.rank) * m.bytes, m.bytes);
  if (c.fault == "wrong" && c.rank == 1 && out != nullptr)
    put(out, call.count - 1, number(out, call.count - 1) + 1);
}

void exchange(void* what) {
  const Call& call = *static_cast<Call*>(what);
  Comm& c = *call.comm;
  if (c.rank == 1 && (c.fault == "stop" || c.fault == "hang") && ++c.count == 10) {
    if (c.fault == "stop") kill(getpid(), SIGSTOP);
    for (;;) pause();
  }
  put_in(call);
  pthread_barrier_wait(c.meeting);
  take_out(call);
  pthread_barrier_wait(c.meeting);
}

// Of all devices of one process, once all their streams are there.
void exchange_all(void* what) {
  const auto& calls = *static_cast<std::vector<Call>*>(what);
  for (const Call& call : calls) put_in(call);
  for (const Call& call : calls) take_out(call);
}

// The first stream waits for the others, does it, and the others wait for the first.
int launch_all(const std::vector<Call>& calls) {
  auto* make = cuda<int(void**, unsigned)>("cudaEventCreateWithFlags");
  auto* record = cuda<int(void*, void*)>("cudaEventRecord");
  auto* wait = cuda<int(void*, void*, unsigned)>("cudaStreamWaitEvent");
  auto* launch = cuda<int(void*, void (*)(void*), void*)>("cudaLaunchHostFunc");
  std::vector<void*> events(calls.size());
  int code = 0;
  for (std::size_t i = 0; i < calls.size(); ++i) code |= make(&events[i], 2);
  for (std::size_t i = 1; i < calls.size(); ++i) {
    code |= record(events[i], calls[i].stream);
    code |= wait(calls[0].stream, events[i], 0);
  }
  code |= launch(calls[0].stream, exchange_all, new std::vector<Call>(calls));
  code |= record(events[0], calls[0].stream);
  for (std::size_t i = 1; i < calls.size(); ++i) code |= wait(calls[i].stream, events[0], 0);
  return code == 0 ? 0 : 1;
}

int later(Call call) {
  group.push_back(std::move(call));
  return 0;
}
int message(Message m, Comm* comm, void* stream) {
  if (group.empty() || group.back().kind != Kind::messages || group.back().comm != comm)
    group.push_back({Kind::messages, nullptr, nullptr, 0, comm, stream});
  group.back().messages.push_back(m);
  return 0;
}
char* plain(const void* p) { return static_cast<char*>(const_cast<void*>(p)); }

}  // namespace

extern "C" {

const char* ncclGetErrorString(int) { return "refused by the stand-in"; }
int ncclGetVersion(int* version) {
  *version = 22809;
  return 0;
}
int ncclGetUniqueId(Id* id) {
  static int made = 0;
  std::snprintf(id->internal, sizeof id->internal, "/limen-nccl-%d-%d", getpid(), made++);
  return 0;
}
int ncclCommInitRank(Comm** made, int ranks, Id id, int rank) {
  const char* fault = std::getenv("TEST_NCCL");
  auto* c = new Comm{rank, ranks, 0, nullptr, nullptr, fault == nullptr ? "" : fault};
  const int file = shm_open(id.internal, O_RDWR | O_CREAT, 0600);
  const std::size_t page = 4096, bytes = page + slot * std::size_t(ranks);
  if (file < 0 || ftruncate(file, off_t(bytes)) != 0) return 2;
  auto* all = static_cast<char*>(mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0));
  close(file);
  c->meeting = reinterpret_cast<pthread_barrier_t*>(all + 64);
  c->slots = all + page;
  auto* ready = reinterpret_cast<int*>(all);
  if (rank == 0) {
    pthread_barrierattr_t attributes;
    pthread_barrierattr_init(&attributes);
    pthread_barrierattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED);
    pthread_barrier_init(c->meeting, &attributes, unsigned(ranks));
    __atomic_store_n(ready, 1, __ATOMIC_RELEASE);
  }
  while (__atomic_load_n(ready, __ATOMIC_ACQUIRE) == 0) usleep(100);
  pthread_barrier_wait(c->meeting);
  if (rank == 0) shm_unlink(id.internal);
  *made = c;
  return c->fault == "refuse" && rank == 1 ? 3 : 0;
}
int ncclCommInitAll(Comm** made, int ranks, const int*) {
  auto* slots = static_cast<char*>(std::malloc(slot * std::size_t(ranks)));
  const char* fault = std::getenv("TEST_NCCL");
  for (int r = 0; r < ranks; ++r)
    made[r] = new Comm{r, ranks, 0, nullptr, slots, fault == nullptr ? "" : fault, false};
  return 0;
}
int ncclCommDestroy(Comm* c) {
  delete c;
  return 0;
}
int ncclCommAbort(Comm* c) { return ncclCommDestroy(c); }
int ncclGroupStart() { return 0; }
int ncclGroupEnd() {
  if (!group.empty() && !group[0].comm->alone) return launch_all(std::exchange(group, {}));
  auto* launch = cuda<int(void*, void (*)(void*), void*)>("cudaLaunchHostFunc");
  for (const Call& call : group)  // never freed: a graph may send it again
    if (const int code = launch(call.stream, exchange, new Call(call)); code != 0) return 1;
  group.clear();
  return 0;
}
int ncclAllReduce(const void* in, void* out, std::size_t n, int, int, Comm* c, void* stream) {
  return later({Kind::reduce, plain(in), plain(out), n, c, stream});
}
int ncclAllGather(const void* in, void* out, std::size_t n, int, Comm* c, void* stream) {
  return later({Kind::gather, plain(in), plain(out), n, c, stream});
}
int ncclReduceScatter(const void* in, void* out, std::size_t n, int, int, Comm* c, void* stream) {
  return later({Kind::scatter, plain(in), plain(out), n, c, stream});
}
int ncclSend(const void* data, std::size_t n, int, int peer, Comm* c, void* stream) {
  return message({true, plain(data), 2 * n, peer}, c, stream);
}
int ncclRecv(void* data, std::size_t n, int, int peer, Comm* c, void* stream) {
  return message({false, plain(data), 2 * n, peer}, c, stream);
}

}  // extern "C"
