# Sourced by scripts/run and scripts/test: creates the Python environment and its prerequisites on first use.
# All messages go to standard error, as standard output belongs to the command.
# shellcheck shell=bash

PROJECT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
VENV=$PROJECT/.venv

say() { echo "setup: $*" >&2; }

fail() {
  say "$*"
  exit 1
}

# Installs Debian packages if that is possible; otherwise prints which are missing and exits.
install_packages() {
  if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null; then
    fail "these packages are missing, please install them: $*"
  fi
  say "installing $*"
  (
    flock 8
    quietly apt-get update -q
    DEBIAN_FRONTEND=noninteractive quietly apt-get install -y -q --no-install-recommends "$@"
  ) 8>"$PROJECT/.build/packages.lock"
}

# Runs a command without a terminal; shows its output only if it fails.
quietly() {
  local output
  if ! output=$("$@" </dev/null 2>&1); then
    echo "$output" | tail -n 40 >&2
    fail "failed: $*"
  fi
}

is_recent_python() {
  command -v "$1" >/dev/null && "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null
}

find_python() {
  local candidate
  for candidate in python3 python3.11 python3.12 python3.13 python3.14; do
    if is_recent_python "$candidate"; then
      command -v "$candidate"
      return
    fi
  done
  fail "Python 3.11 or newer is needed; found neither as python3 nor as python3.11 to python3.14"
}

ask_python() { "$1" -c "import sys, sysconfig; print($2)"; }

# pyFLAC and streams/native are built from source, which needs a C compiler and the headers of this very interpreter.
# Debian packages venv separately.
require_build_tools() {
  local python=$1 version headers missing=()
  version=$(ask_python "$python" '"%d.%d" % sys.version_info[:2]')
  headers=$(ask_python "$python" 'sysconfig.get_paths()["include"]')/Python.h
  command -v cc >/dev/null || missing+=(gcc libc6-dev)
  [ -f "$headers" ] || missing+=("python$version-dev")
  "$python" -c 'import ensurepip, venv' 2>/dev/null || missing+=("python$version-venv")
  [ ${#missing[@]} -eq 0 ] || install_packages "${missing[@]}"
  [ -f "$headers" ] || fail "the C headers of $python are missing ($headers)"
}

# Kafka's jars need Java 17 or newer to run, and Maven to be downloaded.
require_java() {
  local missing=()
  has_java_17 || missing+=("$(java_package)")
  command -v mvn >/dev/null || missing+=(maven)
  [ ${#missing[@]} -eq 0 ] || install_packages "${missing[@]}"
  has_java_17 || fail "the java that is found first is older than 17: $(command -v java)"
}

has_java_17() {
  local version
  command -v java >/dev/null || return 1
  version=$(java -version 2>&1 | sed -n 's/.* version "\([0-9]*\).*/\1/p' | head -n 1)
  [ "${version:-0}" -ge 17 ]
}

# Tests run programs of the Java client from source, for which a JRE is not enough.
require_java_compiler() {
  local version
  has_java_compiler && return
  version=$(java -version 2>&1 | sed -n 's/.* version "\([0-9]*\).*/\1/p' | head -n 1)
  install_packages "openjdk-$version-jdk-headless"
  has_java_compiler || fail "the java that is found first has no compiler: $(command -v java)"
}

has_java_compiler() { java --list-modules | grep -q '^jdk\.compiler'; }

# Tests open the console's pages in a real browser.
require_browser() { command -v chromium >/dev/null || install_packages chromium; }

# Tests of key stores behind PKCS#11 use a module that keeps its tokens in files.
require_softhsm() {
  if ! { command -v softhsm2-util && [ -e /usr/lib/softhsm/libsofthsm2.so ]; } >/dev/null; then
    install_packages softhsm2
  fi
}

# Programs that open files in every format: for `bench players` and the long tests.
require_players() {
  local missing=() program
  declare -A packages=(
    [chromium]=chromium [cvlc]="vlc-bin vlc-plugin-base" [exiftool]=libimage-exiftool-perl [ffmpeg]=ffmpeg
    [firefox-esr]=firefox-esr [flac]=flac [gst-discoverer-1.0]=gstreamer1.0-plugins-base-apps
    [gst-launch-1.0]="gstreamer1.0-tools gstreamer1.0-plugins-good gstreamer1.0-libav" [mediainfo]=mediainfo
    [mpg123]=mpg123 [mpv]=mpv [oggenc]=vorbis-tools [oggz-validate]=oggz-tools [opusinfo]=opus-tools
    [sox]="sox libsox-fmt-mp3"
  )
  for program in "${!packages[@]}"; do
    # shellcheck disable=SC2206  # several packages, as several words
    command -v "$program" >/dev/null || missing+=(${packages[$program]})
  done
  [ ${#missing[@]} -eq 0 ] || install_packages "${missing[@]}"
}

# The package's name differs between Debian releases.
java_package() {
  local version
  for version in 17 21 25; do
    if [ -n "$(apt-cache search --names-only "^openjdk-$version-jre-headless\$" 2>/dev/null)" ]; then
      echo "openjdk-$version-jre-headless"
      return
    fi
  done
  echo openjdk-17-jre-headless
}

# A stamp in the environment records the installed requirements and the project's path: an environment cannot be moved.
stamp_of() { echo "$PROJECT $(sha256sum <"$PROJECT/$1")"; }

is_installed() {
  [ -x "$VENV/bin/python" ] && [ "$(cat "$VENV/.installed-$1" 2>/dev/null)" = "$(stamp_of "$1")" ]
}

# After an interrupted installation, which leaves a marker, or in another project path, the environment is created anew.
is_sound() {
  [ -x "$VENV/bin/python" ] && [ ! -e "$VENV/.installing" ] && [ "$(cat "$VENV/.project" 2>/dev/null)" = "$PROJECT" ]
}

build() {
  local requirements=$1 python
  if ! is_sound; then
    python=$(find_python)
    require_build_tools "$python"
    say "making .venv with $("$python" --version)"
    quietly "$python" -m venv --clear "$VENV"
    echo "$PROJECT" >"$VENV/.project"
  fi
  say "installing $requirements (a minute or two the first time)"
  touch "$VENV/.installing"
  quietly "$VENV/bin/python" -m pip install --no-input --progress-bar off --require-hashes -r "$PROJECT/$requirements"
  stamp_of "$requirements" >"$VENV/.installed-$requirements"
  rm "$VENV/.installing"
}

# The C sources are compiled in their own directory.
sources_stamp() { cat "$PROJECT"/streams/native/*.[ch] "$PROJECT/streams/native/build.py" | sha256sum; }

is_compiled() {
  compgen -G "$PROJECT/streams/native/_kernels.*" >/dev/null &&
    [ "$(cat "$VENV/.compiled" 2>/dev/null)" = "$(sources_stamp)" ]
}

compile() {
  say "compiling streams/native"
  quietly "$VENV/bin/python" "$PROJECT/streams/native/build.py"
  sources_stamp >"$VENV/.compiled"
}

# Makes sure that everything in a requirements file is installed and the C sources are compiled; of two commands that
# start at once, one does the work and the other waits.
ensure_environment() {
  local requirements=$1
  is_installed "$requirements" && is_compiled && return
  mkdir -p "$PROJECT/.build"
  (
    flock 9
    is_installed "$requirements" || build "$requirements"
    is_compiled || compile
  ) 9>"$PROJECT/.build/environment.lock"
}
