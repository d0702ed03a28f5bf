/** Completions as cards with a current one; long texts are collapsed until opened. */
import { DndContext, PointerSensor, useSensor, useSensors, type DragEndEvent } from "@dnd-kit/core";
import { SortableContext, useSortable, verticalListSortingStrategy } from "@dnd-kit/sortable";
import {
  useCallback,
  useEffect,
  useLayoutEffect,
  useRef,
  useState,
  type ReactNode,
} from "react";
import { actionNamed } from "../actions";
import { ActionButton, keepFocus } from "../components/ActionButton";
import { useForm, useWorkspace } from "../components/workspace";
import { answerTo } from "../form";
import { t } from "../strings";
import type { Assignment, Completion, Of } from "../types";
import { CompletionText } from "./CompletionText";
import type { Ranking } from "./rank/kind";
import { dropped, groupsOf, waiting } from "./rank/order";
import { ReadingTools } from "./ReadingTools";

/** A card's text is cut at this height, in pixels, while it is closed. */
const CLOSED_HEIGHT = 168;

function CardBody({ completion, open }: { completion: Completion; open: boolean }) {
  const body = useRef<HTMLDivElement>(null);
  const [long, setLong] = useState(false);
  const { workspace, view } = useWorkspace();

  useLayoutEffect(() => {
    const box = body.current;
    if (box) setLong(box.scrollHeight > CLOSED_HEIGHT + 24);
  }, [completion, view.reading, view.mode]);

  return (
    <>
      <div ref={body} className="card-body" data-closed={long && !open}>
        <CompletionText completion={completion} />
      </div>
      {long && (
        <button
          type="button"
          className="button plain small open-card"
          aria-expanded={open}
          onMouseDown={keepFocus}
          onClick={() => {
            const { opened } = workspace.view.get();
            workspace.view.set({
              opened: open
                ? opened.filter((each) => each !== completion.id)
                : [...opened, completion.id],
            });
          }}
        >
          {open ? t.card.close : t.card.open}
        </button>
      )}
    </>
  );
}

interface CardProps {
  completion: Completion;
  place: number;
  /** The number in front of a ranked card. */
  badge?: ReactNode;
  ranked?: boolean;
}

function CardFrame({ completion, place, badge, children, style, frame, dragging }: CardProps & {
  children?: ReactNode;
  style?: { transform: string | undefined; transition: string | undefined };
  frame?: (element: HTMLElement | null) => void;
  dragging?: boolean;
}) {
  const { workspace, desk, view } = useWorkspace();
  const current = desk.focus.completion === place;
  const own = useRef<HTMLElement | null>(null);
  // One function for good, so that drawing again does not detach the card.
  const hold = useCallback(
    (element: HTMLElement | null) => {
      own.current = element;
      frame?.(element);
    },
    [frame],
  );

  useEffect(() => {
    if (current) own.current?.scrollIntoView({ block: "nearest" });
  }, [current, badge]);

  return (
    <article
      className="pane completion-card"
      ref={hold}
      style={style}
      data-place={place}
      data-current={current}
      data-dragging={dragging}
      aria-labelledby={`name-${completion.id}`}
      aria-current={current}
      onPointerDown={() => workspace.desk.hand.focusCompletion(place)}
    >
      <header className="card-head">
        {badge}
        <h2 className="name" id={`name-${completion.id}`}>
          <span className="letter">{completion.label}</span>
        </h2>
        {children}
      </header>
      <CardBody completion={completion} open={view.opened.includes(completion.id)} />
    </article>
  );
}

/** One of the buttons that move the card they stand on. */
function Mover({ name, place, children }: { name: string; place: number; children: ReactNode }) {
  const { workspace } = useWorkspace();
  const action = actionNamed(name);
  const label = action.label(workspace);
  return (
    <button
      type="button"
      className="button plain small"
      title={label}
      aria-label={label}
      onMouseDown={keepFocus}
      onClick={() => {
        workspace.desk.hand.focusCompletion(place);
        if (action.enabled(workspace)) action.perform(workspace);
      }}
    >
      {children}
    </button>
  );
}

function RankedCard({ question, ...card }: CardProps & { question: Of<"rank"> }) {
  const { attributes: _, listeners, setNodeRef, setActivatorNodeRef, transform, transition, isDragging } =
    useSortable({ id: card.completion.id });
  const moved = transform ? `translate3d(0, ${Math.round(transform.y)}px, 0)` : undefined;
  return (
    <CardFrame
      {...card}
      frame={setNodeRef}
      style={{ transform: moved, transition }}
      dragging={isDragging}
    >
      <span className="movers">
        <Mover name="card-up" place={card.place}>
          ▲
        </Mover>
        <Mover name="card-down" place={card.place}>
          ▼
        </Mover>
        {question.allow_ties && (
          <Mover name="card-tie" place={card.place}>
            =
          </Mover>
        )}
        <span ref={setActivatorNodeRef} {...listeners} className="grip" title={t.card.drag} aria-hidden="true">
          ⠿
        </span>
      </span>
    </CardFrame>
  );
}

function RankedCards({ assignment, question }: { assignment: Assignment; question: Of<"rank"> }) {
  const { workspace } = useWorkspace();
  const form = useForm();
  const sensors = useSensors(useSensor(PointerSensor, { activationConstraint: { distance: 5 } }));
  if (!form) return null;
  const answer = answerTo(form, question) as Ranking;
  const ids = assignment.completions.map((each) => each.id);
  const groups = groupsOf(answer, ids);
  const rest = waiting(answer, ids);
  const left = ids.filter((id) => answer.unranked.includes(id));
  const order = [...groups.flat(), ...rest, ...left];

  const onDragEnd = ({ active, over }: DragEndEvent): void => {
    if (!over || over.id === active.id) return;
    const id = String(active.id);
    const others = groups.map((group) => group.filter((each) => each !== id)).filter((g) => g.length);
    const from = order.indexOf(id);
    const to = order.indexOf(String(over.id));
    const onto = others.findIndex((group) => group.includes(String(over.id)));
    const at = onto < 0 ? others.length : from < to && from < groups.flat().length ? onto + 1 : onto;
    workspace.desk.hand.focusCompletion(ids.indexOf(id));
    workspace.desk.hand.put(question, { ...answer, ...dropped(answer, { id, at, ids }) });
  };

  const cardOf = (id: string, badge?: ReactNode): ReactNode => {
    const place = ids.indexOf(id);
    return (
      <RankedCard
        key={id}
        completion={assignment.completions[place]!}
        place={place}
        badge={badge}
        question={question}
      />
    );
  };

  return (
    <DndContext
      sensors={sensors}
      onDragEnd={onDragEnd}
      accessibility={{ screenReaderInstructions: { draggable: t.card.keys } }}
    >
      <SortableContext items={order} strategy={verticalListSortingStrategy}>
        {groups.map((group) => (
          <div key={group.join()} className="tie" data-tied={group.length > 1}>
            {group.map((id) => cardOf(id, <b className="badge">{answer.places[id]}</b>))}
          </div>
        ))}
        {rest.length > 0 && (
          <section className="tray" aria-label={t.rank.tray}>
            <h3>{t.rank.tray}</h3>
            {rest.map((id) => cardOf(id, <b className="badge open">–</b>))}
          </section>
        )}
        {left.length > 0 && (
          <section className="tray" aria-label={t.rank.unrankedTray}>
            <h3>{t.rank.unrankedTray}</h3>
            {left.map((id) => cardOf(id, <b className="badge open">×</b>))}
          </section>
        )}
      </SortableContext>
    </DndContext>
  );
}

export function Cards({ assignment }: { assignment: Assignment }) {
  const form = useForm();
  const ranking = form?.questions.find((question) => question.kind === "rank");
  return (
    <div className="compare">
      <div className="strip">
        <p className="quiet">{t.read.completions}</p>
        <div className="tools">
          <ReadingTools />
          <ActionButton name="previous-completion" className="narrow-only">
            ‹
          </ActionButton>
          <ActionButton name="next-completion" className="narrow-only">
            ›
          </ActionButton>
        </div>
      </div>
      <div
        className="cards scroll"
        data-ranked={ranking !== undefined}
        tabIndex={0}
        role="region"
        aria-label={t.read.completions}
      >
        {ranking
          ? <RankedCards assignment={assignment} question={ranking} />
          : assignment.completions.map((completion, place) => (
              <CardFrame key={completion.id} completion={completion} place={place} />
            ))}
      </div>
    </div>
  );
}
