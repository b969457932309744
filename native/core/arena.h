#pragma once
#include <cstddef>
#include <cstdint>
#include <vector>

namespace scmoe {

/// The calling thread's memory for temporaries. It works like a stack: a kernel opens a Scope, takes what it needs, and
/// gives it all back when the scope ends, so that a kernel which calls another one never shares memory with it. The
/// memory itself is kept for the next call, up to a bound.
class Arena {
 public:
  class Scope;

  /// What a thread keeps between two calls.
  static constexpr size_t kKeepBytes = size_t{512} << 20;

  Arena() = default;
  ~Arena();
  Arena(const Arena&) = delete;
  Arena& operator=(const Arena&) = delete;

  static Arena& ofThread();

  /// Bytes that are taken from the system now.
  size_t bytes() const { return total_; }

 private:
  struct Block {
    char* memory;
    size_t bytes;
  };
  /// Where the next piece comes from.
  struct Top {
    size_t block = 0;
    size_t used = 0;
  };

  void* take(size_t bytes);
  void settle();
  void release();

  std::vector<Block> blocks_;  // never moved while a scope is open; each later one is larger than all before it
  Top top_;
  int depth_ = 0;
  size_t total_ = 0;
  size_t wanted_ = 0;  // size of the first block: what a call has needed before
};

class Arena::Scope {
 public:
  Scope() : arena_(Arena::ofThread()), before_(arena_.top_), depth_(++arena_.depth_) {}
  ~Scope() {
    arena_.top_ = before_;
    if (--arena_.depth_ == 0) arena_.settle();
  }
  Scope(const Scope&) = delete;
  Scope& operator=(const Scope&) = delete;

  /// Room for `count` elements, 64-byte aligned, its content undefined; valid until the scope ends. Only the thread
  /// that has opened the scope may take from it, and not while it has a scope open within this one. @throws Error where
  /// there is no memory.
  template <typename T>
  T* take(int64_t count) {
    return static_cast<T*>(takeBytes(count, sizeof(T)));
  }

 private:
  void* takeBytes(int64_t count, size_t size);

  Arena& arena_;
  const Top before_;
  const int depth_;
};

}  // namespace scmoe
