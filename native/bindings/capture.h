#pragma once
#include <node_api.h>

#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

namespace scmoe {

/// What a function gave back to JavaScript: nothing, or a number that decides there how things go on.
struct CapturedResult {
  bool isNumber = false;
  double number = 0;
};

CapturedResult resultOf(napi_env env, napi_value value);

/// Where arrays are now that were elsewhere when a call was captured.
class ArrayPlaces {
 public:
  struct Range {
    const char* begin = nullptr;
    size_t bytes = 0;
    size_t index = 0;  // where in `now` it is
  };

  /// @param before what the arrays of captured calls lie in, by their addresses @param now the beginnings of these, as
  /// they are now
  ArrayPlaces(const std::vector<Range>& before, void* const* now) : before_(before), now_(now) {}

  /// @throws Error where `array` lies in none of them
  void* operator()(const void* array) const;

 private:
  const std::vector<Range>& before_;
  void* const* now_;
};

/// The new place of an array that may be absent.
template <typename T>
T* moved(const ArrayPlaces& to, T* array) {
  return array ? static_cast<T*>(to(array)) : nullptr;
}

/// A call that can be made again without JavaScript: its arguments are those that were read when it was first made.
class CapturedCall {
 public:
  CapturedCall() = default;
  CapturedCall(const CapturedCall&) = delete;
  CapturedCall& operator=(const CapturedCall&) = delete;
  virtual ~CapturedCall() = default;
  virtual void run(napi_env env) const = 0;
  /// Makes the call on arrays that are elsewhere; on any thread, several at once. @throws whatever the function throws
  virtual void runAt(const ArrayPlaces& places) const = 0;
  /// @throws Error where one of its arrays lies in none of those
  virtual void expectWithin(const ArrayPlaces& places) const = 0;
  /// Whether it can be made so: what gave a number has told JavaScript something.
  virtual bool isSilent() const = 0;

 protected:
  /// @throws Error where the function gives something else than it gave first: what came after depended on it
  static void expectSame(napi_env env, const char* function, const CapturedResult& first, napi_value now);
};

/// Calls in the order in which they were made, and the arrays on which they work, which stay as long.
class Capture {
 public:
  /// @param isDry whether calls are kept without being made, so that arrays need not hold anything
  Capture(napi_env env, bool isDry);
  Capture(const Capture&) = delete;
  Capture& operator=(const Capture&) = delete;
  ~Capture();

  void add(std::unique_ptr<CapturedCall> call) { calls_.push_back(std::move(call)); }
  void keep(napi_value array);
  bool isEmpty() const { return calls_.empty(); }
  bool isDry() const { return isDry_; }
  std::vector<std::unique_ptr<CapturedCall>> takeCalls() { return std::move(calls_); }
  void run() const;

 private:
  napi_env env_;
  const bool isDry_;
  napi_ref arrays_ = nullptr;
  uint32_t numArrays_ = 0;
  std::vector<std::unique_ptr<CapturedCall>> calls_;
};

/// The capture that this thread is making, if any.
Capture*& currentCapture();

}  // namespace scmoe
