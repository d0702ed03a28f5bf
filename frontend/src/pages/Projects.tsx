/** Choosing a project. */
import { useQuery } from "@tanstack/react-query";
import { api } from "../api";
import { State } from "../components/State";
import { ProgressLine, TopBar } from "../components/TopBar";
import { Link } from "../router";
import type { ProjectSummary } from "../types";

function next(project: ProjectSummary): string {
  if (project.state === "paused") return "Paused by its researchers; it opens again by itself.";
  if (project.progress.remaining === 0) return "Nothing to do for now.";
  return project.progress.answered > 0 ? "Go on where you left off." : "Begin.";
}

function List({ projects }: { projects: ProjectSummary[] }) {
  if (projects.length === 0) {
    return (
      <State title="No project yet">
        <p>You appear here as soon as a project's owner adds you to it.</p>
      </State>
    );
  }
  return (
    <ul className="projects">
      {projects.map((project) => (
        <li key={project.slug}>
          <Link to={`/projects/${project.slug}`} className="project">
            <h2>{project.name}</h2>
            <p className="quiet">{next(project)}</p>
            <ProgressLine progress={project.progress} unsent={0} />
          </Link>
        </li>
      ))}
    </ul>
  );
}

export function Projects() {
  const { data, error, refetch } = useQuery({
    queryKey: ["projects"],
    queryFn: ({ signal }) => api.projects(signal),
    staleTime: 0,
  });
  return (
    <div className="page">
      <TopBar title="Projects" />
      <main className="column">
        {data && <List projects={data} />}
        {!data && !error && <State title="Loading your projects" busy />}
        {!data && error && (
          <State title="The projects could not be loaded">
            <p>{error.message}</p>
            <button type="button" className="button" onClick={() => void refetch()}>
              Try again
            </button>
          </State>
        )}
      </main>
    </div>
  );
}
