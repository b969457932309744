#pragma once
#include <cstdlib>
#include <string>

namespace scmoe::standin {

inline int number(const char* name, int otherwise) {
  const char* text = std::getenv(name);
  return text && *text ? std::atoi(text) : otherwise;
}

/// What `call` has to return by a variable such as "ncclAllReduce:1@2"; 0 where it says nothing of it.
inline int planned(const char* variable, const std::string& call, int rank = -1) {
  const char* text = std::getenv(variable);
  if (!text) return 0;
  const std::string plan = text;
  const size_t colon = plan.find(':'), at = plan.find('@');
  if (plan.substr(0, colon) != call || colon == std::string::npos) return 0;
  if (at != std::string::npos && std::atoi(plan.c_str() + at + 1) != rank) return 0;
  return std::atoi(plan.c_str() + colon + 1);
}

}  // namespace scmoe::standin
