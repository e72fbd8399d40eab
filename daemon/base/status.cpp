#include "base/status.h"

#include <cstdio>
#include <cstdlib>

namespace sluice {

void assertion_failed(const char* condition, const char* file, int line) {
  std::fprintf(stderr, "sluice: assertion failed: %s at %s:%d\n", condition, file, line);
  std::abort();
}

std::string_view status_code_name(StatusCode code) {
  static constexpr std::string_view kNames[] = {"ok",
                                                "cancelled",
                                                "unknown",
                                                "invalid_argument",
                                                "deadline_exceeded",
                                                "not_found",
                                                "already_exists",
                                                "permission_denied",
                                                "resource_exhausted",
                                                "failed_precondition",
                                                "aborted",
                                                "out_of_range",
                                                "unimplemented",
                                                "internal",
                                                "unavailable",
                                                "data_loss",
                                                "unauthenticated"};
  return kNames[static_cast<std::size_t>(code)];
}

Status::Status(StatusCode code, std::string message) {
  if (code != StatusCode::ok) error_ = std::make_unique<Error>(Error{code, std::move(message)});
}

Status::Status(const Status& other)
    : error_(other.error_ ? std::make_unique<Error>(*other.error_) : nullptr) {}

Status& Status::operator=(const Status& other) {
  if (this != &other) error_ = other.error_ ? std::make_unique<Error>(*other.error_) : nullptr;
  return *this;
}

std::string Status::to_string() const {
  if (ok()) return "ok";
  return std::string(status_code_name(code())) + ": " + error_->message;
}

Status invalid_argument(std::string m) { return {StatusCode::invalid_argument, std::move(m)}; }
Status not_found(std::string m) { return {StatusCode::not_found, std::move(m)}; }
Status already_exists(std::string m) { return {StatusCode::already_exists, std::move(m)}; }
Status resource_exhausted(std::string m) { return {StatusCode::resource_exhausted, std::move(m)}; }
Status failed_precondition(std::string m) {
  return {StatusCode::failed_precondition, std::move(m)};
}
Status unavailable(std::string m) { return {StatusCode::unavailable, std::move(m)}; }
Status data_loss(std::string m) { return {StatusCode::data_loss, std::move(m)}; }
Status internal_error(std::string m) { return {StatusCode::internal, std::move(m)}; }

}  // namespace sluice
