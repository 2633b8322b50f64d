# Completion for sqlite3-cloud-s3; made by: sqlite3-cloud-s3 -generate bash
_sqlite3_cloud_s3() {
  local current=$2 previous=
  COMPREPLY=()
  case $3 in -*) previous=${3#-}; previous=${previous#-} ;; esac
  case $previous in
    escape) COMPREPLY=($(compgen -W 'ascii symbol off' -- "$current")); return ;;
    log) COMPREPLY=($(compgen -W 'text json' -- "$current")); return ;;
    durability) COMPREPLY=($(compgen -W 'async sync' -- "$current")); return ;;
    init|metrics) return ;;
    A|cmd|lookaside|maxsize|mmap|newline|nonce|nullvalue|pagecache|separator|vfs|mirror|at|timeout|pattern) compopt +o default; return ;;
  esac
  case $current in
    --*) COMPREPLY=($(compgen -W '--A --append --ascii --bail --batch --box --column --cmd --csv --deserialize --echo --init --header --noheader --help --html --interactive --json --line --list --lookaside --markdown --maxsize --memtrace --mmap --newline --nofollow --nonce --no-rowid-in-view --nullvalue --pagecache --pcachetrace --quote --readonly --safe --separator --stats --table --tabs --unsafe-testing --version --vfs --zip --escape --ifexists --noinit --mirror --at --serve --wait --status --timeout --pattern --log --metrics --check --durability --unfenced' -- "$current")) ;;
    -*) COMPREPLY=($(compgen -W '-A -append -ascii -bail -batch -box -column -cmd -csv -deserialize -echo -init -header -noheader -help -html -interactive -json -line -list -lookaside -markdown -maxsize -memtrace -mmap -newline -nofollow -nonce -no-rowid-in-view -nullvalue -pagecache -pcachetrace -quote -readonly -safe -separator -stats -table -tabs -unsafe-testing -version -vfs -zip -escape -ifexists -noinit -mirror -at -serve -wait -status -timeout -pattern -log -metrics -check -durability -unfenced' -- "$current")) ;;
  esac
}
complete -o default -F _sqlite3_cloud_s3 sqlite3-cloud-s3
