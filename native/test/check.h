#pragma once
#include <cmath>
#include <exception>
#include <functional>
#include <iostream>
#include <sstream>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

// A unit test in fifty lines: TEST(name) { CHECK(...); } and one line of output for each.
namespace scmoe::testing {

struct Failure : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// Thrown by skip(): what the test needs is not on this machine.
struct Skipped : std::runtime_error {
  using std::runtime_error::runtime_error;
};

inline void skip(const std::string& reason) { throw Skipped(reason); }

inline std::vector<std::pair<std::string, std::function<void()>>>& cases() {
  static std::vector<std::pair<std::string, std::function<void()>>> all;
  return all;
}

struct Register {
  Register(const char* name, void (*body)()) { cases().emplace_back(name, body); }
};

inline void check(bool holds, const char* text, const char* file, int line) {
  if (holds) return;
  std::ostringstream message;
  message << file << ":" << line << ": " << text;
  throw Failure(message.str());
}

inline void checkClose(double actual, double expected, double tolerance, const char* file, int line) {
  // Written so that a NaN fails.
  if (std::fabs(actual - expected) <= tolerance) return;
  std::ostringstream message;
  message << file << ":" << line << ": got " << actual << ", expected " << expected << " within " << tolerance;
  throw Failure(message.str());
}

inline int runAll() {
  int failed = 0;
  for (const auto& [name, body] : cases()) {
    try {
      body();
      std::cout << "  passed " << name << "\n";
    } catch (const Skipped& reason) {
      std::cout << "  skipped " << name << ": " << reason.what() << "\n";
    } catch (const std::exception& error) {
      std::cout << "  failed " << name << ": " << error.what() << "\n";
      ++failed;
    }
  }
  return failed == 0 ? 0 : 1;
}

}  // namespace scmoe::testing

#define TEST(name)                                                       \
  static void name();                                                    \
  static const ::scmoe::testing::Register register_##name(#name, &name); \
  static void name()
#define CHECK(condition) ::scmoe::testing::check((condition), #condition, __FILE__, __LINE__)
#define CHECK_CLOSE(actual, expected, tolerance) \
  ::scmoe::testing::checkClose((actual), (expected), (tolerance), __FILE__, __LINE__)

int main() { return ::scmoe::testing::runAll(); }
